import Foundation
import Testing

/// Every page is linked, every link leads somewhere, and the manual page has every key of the file.
@Suite struct PageTests {
  /// What is written in Markdown for people to read.
  static func pages() throws -> [String] {
    try ["README.md"] + Repository.files(in: "docs") { $0.hasSuffix(".md") }
  }

  /// The links of a page: paths from the repository's root, each with its anchor ("" for the whole file). Links to
  /// other sites are left out, as are blocks of code.
  static func links(of page: String) throws -> [(path: String, anchor: String)] {
    let text = try Repository.text(of: page).replacing(/(?ms)^```.*?^```$/, with: "")
    let folder = Repository.root.appending(path: page).deletingLastPathComponent()
    return text.matches(of: /\]\(([^)\s]+)\)/).map(\.1).filter { !$0.contains("://") }.map { target in
      let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let path = parts[0].isEmpty ? page : relative(folder.appending(path: String(parts[0])))
      return (path, parts.count > 1 ? String(parts[1]) : "")
    }
  }

  private static func relative(_ url: URL) -> String {
    String(url.standardizedFileURL.path.dropFirst(Repository.root.standardizedFileURL.path.count + 1))
  }

  /// The anchors of a page's headings, as GitHub makes them.
  static func anchors(of page: String) throws -> Set<String> {
    let text = try Repository.text(of: page).replacing(/(?ms)^```.*?^```$/, with: "")
    return Set(
      text.matches(of: /(?m)^#+ (.+)$/).map { heading in
        heading.1.lowercased().filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
          .replacing(" ", with: "-")
      })
  }

  @Test func everyLinkLeadsSomewhere() throws {
    var count = 0
    for page in try Self.pages() {
      for (path, anchor) in try Self.links(of: page) {
        count += 1
        let isThere = FileManager.default.fileExists(atPath: Repository.root.appending(path: path).path)
        #expect(isThere, "\(page) links to \(path), which is not there")
        if isThere && !anchor.isEmpty {
          #expect(try Self.anchors(of: path).contains(anchor), "\(page) links to \(path)#\(anchor)")
        }
      }
    }
    #expect(count > 40)
  }

  @Test func everyPageIsLinkedFromTheReadme() throws {
    let linked = Set(try Self.links(of: "README.md").map(\.path))
    for page in try Self.pages() where page != "README.md" {
      #expect(linked.contains(page), "README.md does not link to \(page)")
    }
  }

  /// `docs/LIMITS.md` in a comment, a unit or a recipe of make.
  @Test func pagesThatFilesNameExist() throws {
    let pages = Set(try Self.pages())
    let files =
      try Repository.files(in: "Sources") { $0.hasSuffix(".swift") }
      + Repository.files(in: "Tests") { $0.hasSuffix(".mk") || $0.hasSuffix(".py") || $0.hasSuffix(".swift") }
      + Repository.files(in: "config") { _ in true } + ["Makefile", ".ci/run", ".ci/packages"]
    for file in files where !file.hasPrefix("Tests/TidyTests/") {
      for match in try Repository.text(of: file).matches(of: /docs\/\w+\.md/) {
        #expect(pages.contains(String(match.0)), "\(file) names \(match.0)")
      }
    }
  }

  /// docs/CONFIGURATION.md has a table row for each key, the manual page an item: the same keys, the same defaults.
  @Test func manualPageHasEveryKeyWithItsDefault() throws {
    let reference = try Repository.text(of: "docs/CONFIGURATION.md")
    var expected: Set<String> = []
    for table in reference.split(separator: "\n\n") where table.hasPrefix("| key |") {
      for row in table.matches(of: /(?m)^\| `(\w+)` \| [^|]+ \| (?:`([^`]+)`)?/) {
        expected.insert("\(row.1) = \(row.2 ?? "")")
      }
    }
    let manual = try Repository.text(of: "docs/ringroad.1").replacing("\\(dq", with: "\"")
    let section = try #require(manual.firstMatch(of: #/(?s)\.Sh CONFIGURATION FILE\n(.*?)\n\.Sh /#))
    let items = section.1.matches(of: /(?m)^\.It Li (\w+)(?: No = Li (.+))?$/)
    let found = Set(items.map { "\($0.1) = \($0.2 ?? "")" })
    #expect(expected.count > 35)
    #expect(found.symmetricDifference(expected) == [])
  }

  @Test func manualPageHasEveryKeyOfTheFullFile() throws {
    let manual = try Repository.text(of: "docs/ringroad.1")
    let file = try Repository.text(of: "config/full.yml")
    let keys = file.matches(of: /(?m)^(?: *)(?:- )?\{?(\w+):(?: |$)/).map(\.1).filter { $0 != "main" }
    #expect(keys.count > 30)
    for key in keys { #expect(manual.contains("\n.It Li \(key)"), "docs/ringroad.1 does not name \(key)") }
  }

  // MARK: - docs/CLIENTS.md

  /// What a recipe's file shows on the page: the lines between `<page>` and `</page>`, without their indentation.
  static func shown(of file: String) throws -> String {
    var lines: [Substring] = []
    for part in try Repository.text(of: file).matches(of: /(?m)^.*<page>\n((?s).*?)\n^.*<\/page>$/) {
      let block = part.1.split(separator: "\n", omittingEmptySubsequences: false)
      let margin = block.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
      lines += block.map { $0.dropFirst(margin) }
    }
    return lines.joined(separator: "\n")
  }

  @Test func theClientsPageShowsWhatItsTestsRun() throws {
    let page = try Repository.text(of: "docs/CLIENTS.md")
    let blocks = Set(page.matches(of: /(?m)^```\w+\n((?s).*?)\n```$/).map { String($0.1) })
    var expected: Set<String> = []
    for file in try Repository.files(in: "Tests/Clients/recipes", where: { !$0.contains("__pycache__") }) {
      let text = try Repository.text(of: file)
      if text.contains("<page>") { expected.insert(try Self.shown(of: file)) }
      if file.hasSuffix(".yml") { expected.insert(text.trimmingCharacters(in: .newlines)) }
    }
    #expect(expected.count > 7)
    #expect(blocks.symmetricDifference(expected) == [])
  }

  @Test func theClientsPageHasAFigureOfEveryRecipe() throws {
    let page = try Repository.text(of: "docs/CLIENTS.md")
    let cast = try Repository.text(of: "Tests/Clients/recipes/cast.py").matches(of: /Recipe\("([^"]+)"/)
    #expect(cast.count > 8)
    for recipe in cast { #expect(page.contains("\n| \(recipe.1) |"), "no figure of \(recipe.1)") }
  }
}
