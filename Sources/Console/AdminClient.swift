import Net
import Settings

/// The admin interface of a running proxy, as the commands ask it.
struct AdminClient {
  /// The address in words.
  let name: String
  let http: HTTPClient

  /// Looks the host up, which may take as long as the system's resolver does.
  init(_ endpoint: Endpoint, timeout: Duration) throws(ConsoleFailure) {
    name = endpoint.description
    do throws(ResolveError) {
      switch endpoint {
      case .tcp(let host, let port):
        http = HTTPClient(try Address.resolve(host: host, port: port), timeout: timeout)
      case .unix(let path): http = HTTPClient([Address(unixPath: path)].compactMap(\.self), timeout: timeout)
      }
    } catch {
      throw ConsoleFailure(error.description)
    }
  }

  /// The document at a path; nil if the proxy does not have it.
  func document(
    _ target: String, wait: HTTPClient.Wait = HTTPClient.wait
  ) throws(ConsoleFailure) -> JSONDocument? {
    let response: HTTPResponse
    do throws(HTTPFailure) {
      response = try http.get(target, wait: wait)
    } catch {
      throw ConsoleFailure(Self.words(error))
    }
    if response.status == 404 { return nil }
    guard response.status == 200 else {
      throw ConsoleFailure("it answers \(target) with status \(response.status)")
    }
    guard let document = JSONDocument.read(response.body) else {
      throw ConsoleFailure("its answer to \(target) is no JSON")
    }
    return document
  }

  /// The document at a path that every proxy has.
  func required(
    _ target: String, wait: HTTPClient.Wait = HTTPClient.wait
  ) throws(ConsoleFailure) -> JSONDocument {
    guard let document = try document(target, wait: wait) else {
      throw ConsoleFailure(
        "it has no \(target): this is no proxy's admin interface, or that of another version")
    }
    return document
  }

  /// The failure in a few words, without the name of the system call: what was done is clear.
  static func words(_ failure: HTTPFailure) -> String {
    switch failure {
    case .system(let error): SystemError.reason(error.errno)
    case .timedOut: "timed out"
    default: failure.description
    }
  }
}

/// Why a command cannot show what it was asked for, in one sentence.
struct ConsoleFailure: Error, Equatable {
  let words: String

  init(_ words: String) { self.words = words }
}
