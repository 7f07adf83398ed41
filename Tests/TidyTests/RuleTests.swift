import Testing

/// Every rule finds what it is there for, and nothing else.
@Suite struct RuleTests {
  private func file(_ text: String) -> SourceText { SourceText(path: "Sources/Wire/Some.swift", text: text) }

  @Test func layersArePartedByteForByte() {
    let text = """
      let a = "b // c \\(d + "e") f" // g "h"
      /* i */ let j = #"k "l" \\n"#
      """
    let parted = file(text)
    #expect(parted.code.contains("let a = \"") && parted.code.contains("(d + \" \")"))
    #expect(parted.code.contains("let j = #\"") && parted.code.hasSuffix("\"#"))
    #expect(!parted.code.contains("//") && !parted.code.contains("/*") && !parted.code.contains("k"))
    #expect(parted.comments.split(separator: " ").joined(separator: " ") == "// g \"h\"\n/* i */")
    #expect(parted.strings.contains("b // c \\") && parted.strings.contains("e"))
    #expect(parted.strings.contains("k \"l\" \\n"))
    for layer in [parted.code, parted.comments, parted.strings] {
      #expect(layer.utf8.count == text.utf8.count)
    }
  }

  @Test func declarationsKnowTheirLinesAndParents() {
    let found = file(
      """
      struct A {
        enum B { case c }
        func d(
          _ e: () -> Int = { 1 }
        ) -> Int {
          1
        }
        var f: Int
        init() { f = 1 }
      }
      protocol G { func h() }
      extension A where B == Int {
        static func + (a: A, b: A) -> A { a }
      }
      """
    ).declarations()
    #expect(found.map(\.name) == ["A", "B", "d", "init", "G", "A", "+"])
    #expect(found.map(\.firstLine) == [0, 1, 2, 8, 10, 11, 12])
    #expect(found.map(\.lastLine) == [9, 1, 6, 8, 10, 13, 12])
    #expect(found[2].parents == ["A"])
  }

  @Test(arguments: ["// for whoever asked", "/// Opened anew.", "// nobody's", "// what is let go by"])
  func unplainWordsAreFound(_ comment: String) {
    #expect(Rules.unplainWords(in: file("let a = 1 \(comment)\n").comments, of: "x").count == 1)
  }

  @Test func plainWordsPass() {
    #expect(
      Rules.unplainWords(in: "// The worker closes the connection.\n// anewton whoevers", of: "x") == [])
  }

  @Test func testsNamesAreReadAsSentences() {
    let found = Rules.unplainTestNames(
      in: file("@Test func whoeverAskedIsAnswered() {}\nfunc whoeverHelps() {}\n"))
    #expect(found.map(\.line) == [1])
  }

  @Test func oldNamesAreFoundInCodeOnly() {
    #expect(
      Rules.oldNames(in: file("let l: Link // Link\nlet t = \"Link\"\nlet k = Linked()\n")).map(\.line) == [1]
    )
  }

  @Test func anInlinableMemberOfAHiddenTypeIsFound() {
    let hidden = "package struct A {\n  @inlinable func b() {}\n}\n"
    #expect(Rules.idleInlinable(in: [file(hidden)]).map(\.line) == [2])
    #expect(Rules.idleInlinable(in: [file("@usableFromInline " + hidden)]) == [])
    let apart = file("extension A {\n  @inlinable package func c() {}\n}\n")
    #expect(Rules.idleInlinable(in: [file(hidden), apart]).count == 2)
  }

  @Test func aBareNumberOfASlotIsFound() {
    let text = "func a(_ c: UInt32, to l: Ref<Server>, count: UInt32) {}\n"
    #expect(Rules.bareReferences(in: file(text)).map(\.what) == ["c: UInt32: a Ref"])
  }

  @Test(arguments: [
    "a.queue.sent = 1", "a[l].queue.late &-= n", "a.queue.legs[0].isLate = true", "a.queue.bytes.consume(1)",
    "b(&connections[l].queue.bytes, c)",
  ])
  func aChangeOfAQueueFromOutsideIsFound(_ line: String) {
    #expect(Rules.queueChanges(in: file(line + "\n")).count == 1)
  }

  @Test(arguments: ["if a.queue.sent == 1 {", "b(a.queue.legs[0].isLate, &c)", "a.queue.dropFront()"])
  func aLookAtAQueueIsNoChange(_ line: String) {
    #expect(Rules.queueChanges(in: file(line + "\n")) == [])
  }

  @Test func unsafeCodeIsFound() {
    let text = "let a = unsafe b()\n// unsafe c\ncase .unsafe: 1\n"
    #expect(Rules.unsafeCode(in: file(text), allowed: []).map(\.line) == [1])
    #expect(Rules.unsafeCode(in: file(text), allowed: ["Sources/Wire/"]) == [])
    #expect(Rules.unsafeCode(in: file(text), allowed: ["Sources/Wire/Some.swift"]) == [])
  }

  @Test func longFilesAndFunctionsAreFound() {
    let text = "func a() {\n" + String(repeating: "b()\n", count: 8) + "}\nfunc c() {\n}\n"
    #expect(Rules.longFile(file(text), most: 11) != nil)
    #expect(Rules.longFile(file(text), most: 12) == nil)
    #expect(Rules.longFunctions(in: file(text), most: 9).map(\.name) == ["a"])
    #expect(Rules.longFunctions(in: file(text), most: 10).isEmpty)
  }

  @Test func aCrowdedTypeIsFound() {
    let text = """
      struct A {
        var a = 1
        package private(set) var b: Int
        var c: Int { 1 }
        static let d = 1
        struct B {
          let e = 1
        }
        func f() {
          let g = 1
        }
      }
      """
    #expect(Rules.crowdedTypes(in: file(text), most: 1).map(\.name) == ["A"])
    #expect(Rules.crowdedTypes(in: file(text), most: 2).isEmpty)
  }

  @Test func aScatteredTypeIsFound() {
    let files = ["a", "b", "c"].map {
      SourceText(path: "\($0).swift", text: "extension A {\n}\nstruct B\($0) {\n}\n")
    }
    #expect(Rules.scatteredTypes(in: files, most: 2).map(\.name) == ["A"])
    #expect(Rules.scatteredTypes(in: files, most: 3).isEmpty)
  }

  @Test func aForeignNameIsFoundInCodeOnly() {
    let text = "/// For a Client.\nfunc a(_ c: Ref<Client>, of clients: Clients) {}\n"
    #expect(Rules.foreignNames(["Client"], in: file(text)).map(\.line) == [2])
  }

  @Test func aTypeNamedAfterAModuleIsFound() {
    #expect(
      Rules.typesNamedAfter(modules: ["Wire"], in: file("struct Wire {}\nextension Wire {}\n")).count == 1)
  }

  @Test func anUndocumentedTypeIsFound() {
    #expect(Rules.undocumentedTypes(in: file("package struct A {}\n")).count == 1)
    #expect(Rules.undocumentedTypes(in: file("/// Is.\n@frozen\npackage struct A {}\nstruct B {}\n")) == [])
  }
}
