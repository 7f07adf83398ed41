import Testing

@testable import Bytes

struct FixedArrayTests {
  @Test(arguments: [0, 1, 2, 1000])
  func fixedArrayHoldsTheElementsItWasMadeFrom(count: Int) {
    let source = (0..<count).map { UInt32(truncatingIfNeeded: $0 &* 2_654_435_761) }
    let row = FixedArray(source)
    #expect(row.count == count)
    for i in 0..<count { #expect(row[i] == source[i]) }
  }

  @Test func replacingAnElementOfAFixedArrayKeepsTheOthers() {
    var row = FixedArray([1, 2, 3])
    row[1] = 20
    #expect([row[0], row[1], row[2]] == [1, 20, 3])
  }
}
