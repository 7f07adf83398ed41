/// A request that an `HTTPServer` has received, whole. Its texts are as the client sent them.
package struct HTTPRequest: Sendable, Equatable {
  /// Names one request until it is answered.
  package typealias ID = UInt64

  package var method: String
  /// The target's path, still percent-encoded, and what follows its `?`; nil without one.
  package var path: String
  package var query: String?
  /// The host that the client believes it speaks to: the target's, else that of the `Host` header; nil without both.
  package var host: String?
  package var accept: String?
  package var authorization: String?
  package var contentType: String?
  package var body: [UInt8]

  package init(
    method: String, path: String, query: String? = nil, host: String? = nil, body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.host = host
    self.body = body
  }
}

/// A whole response.
package struct HTTPResponse: Sendable, Equatable {
  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  package init(_ status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package static func == (a: HTTPResponse, b: HTTPResponse) -> Bool {
    a.status == b.status && a.body == b.body && a.headers.elementsEqual(b.headers, by: ==)
  }

  /// The words of its status line.
  var reason: String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 415: "Unsupported Media Type"
    case 421: "Misdirected Request"
    case 503: "Service Unavailable"
    default: status < 400 ? "OK" : "Error"
    }
  }
}

/// How a request is answered.
package enum HTTPAnswer: Sendable {
  case now(HTTPResponse)
  /// Later, by `answer`.
  case later
  /// By a stream: first this response's body, then what `send` adds, until the client leaves.
  case stream(HTTPResponse)
}

/// What one HTTP client may do, and how many there may be.
package struct HTTPLimits: Sendable {
  package var connections = 32
  /// Of those: streams.
  package var streams = 8
  /// Bytes of a request's line and headers, and of its body.
  package var head = 8 << 10
  package var body = 64 << 10
  /// How long a client may take for its request, and leave its connection unused after that.
  package var patience = Duration.seconds(5)
  /// Bytes that a stream's client may leave unread.
  package var unread = 256 << 10

  package init() {}
}
