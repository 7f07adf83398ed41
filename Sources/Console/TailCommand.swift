import Net
import Settings

/// Runs `ringroad tail`: prints requests of a running proxy as they are answered, until it is ended or the proxy ends.
/// Returns 0, or 1 if there is nothing to show, or 2 if the file is wrong.
package func tail(_ options: TailOptions) -> Int32 {
  let endpoint: Endpoint
  var tokenFile = options.tokenFile
  do throws(ConfigFailure) {
    let address = try options.address.resolved()
    endpoint = address.endpoint
    tokenFile = tokenFile ?? address.tokenFile
  } catch {
    StandardStreams.complain(error.description)
    return 2
  }
  do throws(ConsoleFailure) {
    let token = try token(file: tokenFile)
    let client = try AdminClient(endpoint, timeout: .seconds(5))
    var headers = [(name: "Accept", value: "text/plain")]
    if let token { headers.append((name: "Authorization", value: "Bearer \(token)")) }
    // Longer than any line of a proxy.
    var lines = LineSplitter(longest: 65_536)
    var refusal: (status: Int, text: [UInt8])?
    do throws(HTTPFailure) {
      try client.http.stream(options.target, headers: headers) { status, bytes in
        guard status == 200 else {
          refusal = (status, (refusal?.text ?? []) + bytes)
          return (refusal?.text.count ?? 0) < 65_536
        }
        var text = ""
        // Empty lines only show that the proxy is there.
        lines.take(bytes[...]) {
          if !$0.isEmpty { text += printable(String(decoding: $0, as: UTF8.self)) + "\n" }
        }
        return text.isEmpty || StandardStreams.write(Array(text.utf8))
      }
    } catch {
      throw ConsoleFailure("\(client.name): \(AdminClient.words(error))")
    }
    guard let refusal else { return 0 }
    throw ConsoleFailure("\(client.name): \(words(refusal.status, refusal.text))")
  } catch {
    StandardStreams.complain("ringroad: \(error.words)")
    return 1
  }
}

/// The token of a file, or of the environment; nil without both.
private func token(file: String?) throws(ConsoleFailure) -> String? {
  var token = Environment.variable("RINGROAD_TOKEN")
  if let file {
    let bytes: [UInt8]
    do throws(FileBytes.Failure) {
      bytes = try FileBytes.read(file, most: 4096, waits: true)
    } catch {
      throw ConsoleFailure("cannot read the token \(file): \(error.reason)")
    }
    token = String(decoding: bytes.prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
  }
  guard let token, !token.isEmpty else { return nil }
  guard token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
    throw ConsoleFailure("the token has blanks or characters that are not ASCII")
  }
  return token
}

/// Why the proxy refuses, and what to do.
private func words(_ status: Int, _ body: [UInt8]) -> String {
  let said =
    JSONDocument.read(body)?["error"].text.map { printable($0) } ?? "it answers with status \(status)"
  switch status {
  case 401: return "\(said); give the token with --token-file FILE or in RINGROAD_TOKEN"
  case 403: return "\(said); such as admin: {address: 127.0.0.1:11312, token: {file: /etc/ringroad.token}}"
  case 404 where JSONDocument.read(body)?["error"].text == "there is no such page":
    return "it has no /api/v1/tail: this is a proxy of another version"
  default: return said
  }
}
