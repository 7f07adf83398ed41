import Glibc

/// The process's environment variables.
@safe
package enum Environment {
  /// The value of a variable; nil if it is not set.
  package static func variable(_ name: String) -> String? {
    // SAFETY: no thread changes the environment; the string is copied at once.
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
  }
}
