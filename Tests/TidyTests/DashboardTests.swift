import Foundation
import Testing

/// The dashboard that is built in is the one whose files are read: see Sources/Admin/Page.
@Suite struct DashboardTests {
  static let folder = "Sources/Admin/Page"

  @Test func pageBytesAreWhatThePageFilesMake() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", Repository.root.appending(path: "\(Self.folder)/bundle.py").path, "--check",
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "make page")
  }

  /// Names of servers, pools and keys are foreign: the page never reads a text as HTML or as code.
  @Test func scriptsNeverReadATextAsHTML() throws {
    let scripts = try Repository.files(in: Self.folder) { $0.hasSuffix(".js") }
    #expect(scripts.count > 5)
    let forbidden =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc/
    for script in scripts {
      let found = try Repository.text(of: script).matches(of: forbidden).map { String($0.0) }
      #expect(found == [], "\(script)")
    }
  }

  /// A style or a handler in an attribute is refused by the page's policy, and an address elsewhere as well.
  @Test func pageHasNoInlineStylesHandlersOrForeignAddresses() throws {
    let page = try Repository.text(of: "\(Self.folder)/page.html")
    let attributes = page.matches(of: /\s(style|on[a-z]+)\s*=/).map { String($0.0) }
    #expect(attributes == [])
    let namespace = "http://www.w3.org/2000/svg"
    for file in try Repository.files(
      in: Self.folder, where: { $0.hasSuffix(".js") || $0.hasSuffix(".html") || $0.hasSuffix(".css") })
    {
      let text = try Repository.text(of: file).replacing(namespace, with: "")
      let addresses = text.matches(of: /(https?:)?\/\/[a-z0-9-]+\.[a-z]/).map { String($0.0) }
      #expect(addresses == [], "\(file)")
    }
  }

  @Test func everyScriptIsBundled() throws {
    let bundler = try Repository.text(of: "\(Self.folder)/bundle.py")
    for script in try Repository.files(in: Self.folder, where: { $0.hasSuffix(".js") }) {
      let name = script.split(separator: "/").last.map(String.init) ?? script
      #expect(bundler.contains("\"\(name)\""), "bundle.py does not name \(name)")
    }
  }
}
