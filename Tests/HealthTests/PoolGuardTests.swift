import Health
import TestSupport
import Testing

struct PoolGuardTests {
  @Test(arguments: [
    (10, 50, 5), (3, 50, 1), (2, 50, 1), (1, 50, 0), (0, 50, 0), (4, 50, 2), (5, 50, 2), (4, 0, 3), (1, 0, 0),
    (4, 100, 0), (4, 99, 0), (4, 75, 1), (4, 76, 0), (100, 33, 67), (3, 34, 1), (3, 33, 2), (3, -10, 2),
    (3, 1000, 0), (-5, 50, 0), (Int.max, 50, Int.max / 2), (200, 1, 198), (150, 51, 73),
  ])
  func floorIsRoundedUpAndTheLastServerStays(_ servers: Int, _ percent: Int, _ mayEject: Int) {
    #expect(PoolGuard(servers: servers, floorPercent: percent).mayEject == mayEject)
    #expect(PoolGuard(servers: servers, floorPercent: percent, onFailure: .failFast).mayEject == 0)
  }

  @Test func ejectionNeverGoesBelowTheFloorForAnyPoolSize() {
    for servers in 1...60 {
      for percent in 0...100 {
        let mayEject = PoolGuard(servers: servers, floorPercent: percent).mayEject
        let left = servers - mayEject
        #expect(left >= 1 && left * 100 >= servers * percent)
        // One server fewer would be below the floor.
        #expect(left == 1 || (left - 1) * 100 < servers * percent)
      }
    }
  }

  @Test func serversThatFailedFirstAreEjected() {
    let limit = PoolGuard(servers: 4, floorPercent: 50)
    #expect(Array(limit.ejected(of: ["c"])) == ["c"])
    #expect(Array(limit.ejected(of: ["c", "a", "b"])) == ["c", "a"])
    #expect(Array(limit.ejected(of: ["a", "b"])) == ["a", "b"])
  }
}
