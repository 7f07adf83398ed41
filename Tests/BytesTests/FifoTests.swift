import TestSupport
import Testing

@testable import Bytes

struct FifoTests {
  @Test(arguments: 0..<UInt64(4))
  func randomFifoOperationsMatchAnArray(seed: UInt64) {
    var random = Seeded(seed)
    var fifo = Fifo<UInt64>()
    var model: [UInt64] = []
    for step in 0..<4000 {
      // Alternates between growing and shrinking, so that the ring wraps at many sizes.
      let growing = (step / 300) % 2 == 0 ? 60 : 35
      switch random.below(100) {
      case 0..<growing:
        let element = random.next()
        fifo.append(element)
        model.append(element)
      case 90..<95 where !model.isEmpty:
        let i = random.below(model.count)
        let element = random.next()
        fifo[i] = element
        model[i] = element
      case 99 where random.below(30) == 0:
        fifo.removeAll()
        model = []
      case 97:
        fifo.trim(keeping: 4)
      default:
        if random.below(2) == 0 || model.isEmpty {
          #expect(fifo.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
        } else if random.below(4) == 0 {
          let n = random.below(model.count + 1)
          fifo.dropFirst(n)
          model.removeFirst(n)
        } else {
          fifo.dropFirst()
          model.removeFirst()
        }
        if let last = model.last {
          #expect(fifo.last == last)
          fifo.last = last &+ 1
          model[model.count - 1] = last &+ 1
        }
      }
      #expect(fifo.count == model.count)
      #expect(fifo.isEmpty == model.isEmpty)
      #expect(fifo.first == model.first)
      if step % 50 == 0 { for i in model.indices { #expect(fifo[i] == model[i]) } }
    }
    for element in model { #expect(fifo.popFirst() == element) }
    #expect(fifo.popFirst() == nil)
  }

  @Test func growingAWrappedFifoKeepsTheOrder() {
    for dropped in 0..<8 {
      var fifo = Fifo<Int>()
      for i in 0..<8 { fifo.append(i) }
      for _ in 0..<dropped { fifo.dropFirst() }
      for i in 8..<40 { fifo.append(i) }
      #expect((0..<fifo.count).map { fifo[$0] } == Array(dropped..<40))
    }
  }

  @Test(arguments: 0..<8)
  func removingFromTheMiddleOfAFifoKeepsTheOrder(dropped: Int) {
    for i in 0...6 {
      for n in 0...(6 - i) {
        var fifo = Fifo<Int>()
        for k in 0..<8 { fifo.append(k) }
        for k in 0..<dropped {
          fifo.dropFirst()
          fifo.append(8 + k)
        }
        fifo.dropFirst()
        fifo.dropFirst()
        var model = Array(dropped + 2..<dropped + 8)
        model.removeSubrange(i..<i + n)
        fifo.remove(from: i, count: n)
        #expect((0..<fifo.count).map { fifo[$0] } == model, "\(n) from \(i)")
      }
    }
  }
}
