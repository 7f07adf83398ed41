import TestSupport
import Testing

@testable import Bytes

/// Counts the live values.
final class Tally {
  var alive = 0
  var resets = 0
}

/// A value for the tests' slabs that reports when it is deinitialised.
struct Tenant: ~Copyable, Recyclable {
  var number = 0
  var tally: Tally?

  init() {}

  mutating func reset() {
    number = 0
    tally?.resets += 1
  }

  deinit { tally?.alive -= 1 }
}

struct SlabTests {
  @Test func newSlabSlotHoldsTheInitialValue() {
    var slab = Slab<Tenant>()
    let i = slab.take()
    #expect(i == Ref(0))
    #expect(slab[i].number == 0)
    #expect(slab.count == 1)
    #expect(slab.end == 1)
    #expect(slab.isTaken(i) == true)
    #expect(slab.isCurrent(slab.id(of: i)) == true)
  }

  @Test func freedSlabSlotIsResetAndTakenNext() {
    var slab = Slab<Tenant>()
    let tally = Tally()
    let a = slab.take()
    let b = slab.take()
    slab[a].tally = tally
    tally.alive = 1
    slab[a].number = 7
    slab.give(a)
    #expect(tally.resets == 1)
    #expect(tally.alive == 1)
    #expect(slab.count == 1)
    #expect(slab.isTaken(a) == false)
    #expect(slab.isTaken(b) == true)
    #expect(slab.take() == a)
    #expect(slab[a].number == 0)
    slab[a].tally = nil
  }

  @Test func slotIDOfAFormerOwnerIsStale() {
    var slab = Slab<Tenant>()
    let i = slab.take()
    let first = slab.id(of: i)
    slab.give(i)
    #expect(slab.isCurrent(first) == false)
    #expect(slab.isCurrent(slab.id(of: i)) == false, "a free slot has no current id")
    #expect(slab.take() == i)
    let second = slab.id(of: i)
    #expect(second != first)
    #expect(slab.isCurrent(second) == true)
    #expect(slab.isCurrent(first) == false)
  }

  @Test func indexOutsideTheSlabIsNeitherTakenNorCurrent() {
    var slab = Slab<Tenant>()
    _ = slab.take()
    for index in [Ref<Tenant>(1), Ref(5), Ref(1 << 20), .none] {
      #expect(slab.isTaken(index) == false)
      #expect(slab.isCurrent(SlotID(index, generation: 0)) == false)
    }
  }

  @Test(arguments: [0, 1, 2, 16])
  func growingASlabKeepsValuesAndIDs(capacity: Int) {
    var slab = Slab<Tenant>(capacity: capacity)
    var ids: [SlotID<Tenant>] = []
    for number in 0..<1000 {
      let i = slab.take()
      slab[i].number = number
      ids.append(slab.id(of: i))
    }
    #expect(slab.count == 1000)
    for number in 0..<1000 {
      #expect(slab[Ref(UInt32(number))].number == number)
      #expect(slab.isCurrent(ids[number]) == true)
    }
  }

  @Test func slabDeinitialisesEveryValueOnce() {
    let tally = Tally()
    do {
      var slab = Slab<Tenant>(capacity: 2)
      for _ in 0..<50 {
        let i = slab.take()
        slab[i].tally = tally
        tally.alive += 1
      }
      for i in 0..<UInt32(25) { slab.give(Ref(i)) }
      #expect(tally.alive == 50, "giving a slot back keeps its value")
      #expect(tally.resets == 25)
    }
    #expect(tally.alive == 0)
  }

  @Test func trimReleasesTheSlotsOfABurst() {
    var slab = Slab<Tenant>(capacity: 1)
    var slots: [Ref<Tenant>] = []
    for _ in 0..<5000 { slots.append(slab.take()) }
    let (first, last) = (slab.id(of: slots[0]), slab.id(of: slots[4999]))
    for i in slots.dropFirst() { slab.give(i) }
    slab.trim()
    #expect(slab.end == 1024)
    #expect(slab.isCurrent(first) && !slab.isCurrent(last))
    // The lowest slots are taken first, and the id of a former owner of a released slot stays stale.
    #expect(slab.take() == Ref(1))
    for _ in 2..<5000 { _ = slab.take() }
    #expect(slab.isTaken(Ref(4999)) && !slab.isCurrent(last))
  }

  @Test(arguments: 0..<UInt64(4))
  func randomSlabOperationsMatchADictionary(seed: UInt64) {
    var random = Seeded(seed)
    var slab = Slab<Tenant>(capacity: 1)
    var owners: [Ref<Tenant>: (id: SlotID<Tenant>, number: Int)] = [:]
    var stale: [SlotID<Tenant>] = []
    for step in 1...3000 {
      if owners.isEmpty || random.below(100) < 53 {
        let i = slab.take()
        #expect(owners[i] == nil, "a slot has one owner")
        #expect(slab[i].number == 0)
        slab[i].number = step
        owners[i] = (slab.id(of: i), step)
      } else if let (i, owner) = owners.randomElement(using: &random) {
        slab.give(i)
        owners[i] = nil
        stale.append(owner.id)
      }
      if random.below(200) == 0 { slab.trim(keeping: 2) }
      // Now and then gives back most of the slots.
      if random.below(300) == 0 {
        for (i, owner) in owners where random.below(8) > 0 {
          slab.give(i)
          owners[i] = nil
          stale.append(owner.id)
        }
      }
      #expect(slab.count == UInt32(owners.count))
    }
    for (i, owner) in owners {
      #expect(slab[i].number == owner.number)
      #expect(slab.isCurrent(owner.id) == true)
    }
    for id in stale { #expect(slab.isCurrent(id) == false) }
    for i in 0..<slab.end { #expect(slab.isTaken(Ref(i)) == (owners[Ref(i)] != nil)) }
  }
}
