/// Future events, earliest first; events of the same moment in the order in which they were added.
struct Agenda {
  /// A plain value: moving entries in the heap is the most frequent operation of a world.
  private struct Entry: BitwiseCopyable {
    var time: UInt64
    var number: UInt64
    /// Its index in `events`.
    var place: Int

    func comes(before other: Entry) -> Bool {
      time != other.time ? time < other.time : number < other.number
    }
  }

  private var heap: [Entry] = []
  private var events: [World.Event] = []
  private var free: [Int] = []
  private var number: UInt64 = 0

  var nextTime: UInt64? { heap.first?.time }

  mutating func add(_ event: World.Event, at time: UInt64) {
    number += 1
    let place = free.popLast() ?? events.count
    if place == events.count { events.append(event) } else { events[place] = event }
    let entry = Entry(time: time, number: number, place: place)
    var i = heap.count
    heap.append(entry)
    while i > 0 {
      let parent = (i - 1) / 2
      guard entry.comes(before: heap[parent]) else { break }
      heap[i] = heap[parent]
      i = parent
    }
    heap[i] = entry
  }

  mutating func next(until end: UInt64) -> (time: UInt64, event: World.Event)? {
    guard let first = heap.first, first.time <= end, let last = heap.popLast() else { return nil }
    let n = heap.count
    if n > 0 {
      var i = 0
      while true {
        var child = 2 * i + 1
        guard child < n else { break }
        if child + 1 < n, heap[child + 1].comes(before: heap[child]) { child += 1 }
        guard heap[child].comes(before: last) else { break }
        heap[i] = heap[child]
        i = child
      }
      heap[i] = last
    }
    let event = events[first.place]
    events[first.place] = .nothing
    free.append(first.place)
    return (first.time, event)
  }
}
