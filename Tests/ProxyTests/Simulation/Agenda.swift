/// What is to happen, the earliest first; of one moment, in the order in which it was added.
struct Agenda {
  private struct Entry {
    var time: UInt64
    var number: UInt64
    var event: World.Event
  }

  private var heap: [Entry] = []
  private var number: UInt64 = 0

  var nextTime: UInt64? { heap.first?.time }

  mutating func add(_ event: World.Event, at time: UInt64) {
    number += 1
    heap.append(Entry(time: time, number: number, event: event))
    var i = heap.count - 1
    while i > 0, comes(i, before: (i - 1) / 2) {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func next(until end: UInt64) -> (time: UInt64, event: World.Event)? {
    guard let first = heap.first, first.time <= end else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var i = 0
      while true {
        var smallest = i
        for child in [2 * i + 1, 2 * i + 2] where child < heap.count && comes(child, before: smallest) {
          smallest = child
        }
        guard smallest != i else { break }
        heap.swapAt(i, smallest)
        i = smallest
      }
    }
    return (first.time, first.event)
  }

  private func comes(_ i: Int, before j: Int) -> Bool {
    heap[i].time != heap[j].time ? heap[i].time < heap[j].time : heap[i].number < heap[j].number
  }
}
