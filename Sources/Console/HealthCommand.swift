import Net
import Settings

/// Runs `ringroad health`: 0 if the proxy is well, 1 if it is not or does not answer, 2 if the file is wrong.
package func health(_ options: HealthOptions) -> Int32 {
  let endpoint: Endpoint
  do throws(ConfigFailure) {
    endpoint = try options.address.resolved().endpoint
  } catch {
    StandardStreams.complain(error.description)
    return 2
  }
  do throws(ConsoleFailure) {
    let client = try AdminClient(endpoint, timeout: options.timeout)
    let response: HTTPResponse
    do throws(HTTPFailure) {
      response = try client.http.get(options.ready ? "/readyz" : "/healthz")
    } catch {
      throw ConsoleFailure("\(client.name): \(AdminClient.words(error))")
    }
    for line in answer(response.body) { StandardStreams.say(line) }
    if response.status == 200 { return 0 }
    if response.status != 503 {
      throw ConsoleFailure(
        "\(client.name) answers with status \(response.status): it is no proxy's admin interface")
    }
    return 1
  } catch {
    StandardStreams.complain("ringroad: \(error.words)")
    return 1
  }
}

/// The first lines of an answer, safe to print.
func answer(_ body: [UInt8]) -> [String] {
  String(decoding: body.prefix(4096), as: UTF8.self).split(separator: "\n").prefix(32).map { printable($0) }
}
