@testable import Wire

private let key250 = String(repeating: "k", count: 250)

extension Reply {
  /// Valid replies of servers.
  static let whole: [Reply] = [
    Reply(.key("key"), "VALUE key 0 3\r\nabc\r\nEND\r\n", .hit(25)),
    Reply(.key("k"), "VALUE k 0 1\r\nx\r\nEND\r\n", .hit(21)),
    Reply(.key("k"), "VALUE k 0 0\r\n\r\nEND\r\n", .hit(20)),
    Reply(.key("k"), "VALUE k 4294967295 10\r\n0123456789\r\nEND\r\n", .hit(40)),
    Reply(.key("k"), "VALUE k 0 5\r\nEND\r\n\r\nEND\r\n", .hit(25)),
    Reply(.key("k"), "VALUE k 0 13\r\nVALUE k 0 1\r\n\r\nEND\r\n", .hit(34)),
    Reply(.key("é\tx"), "VALUE é\tx 0 1\r\n\n\r\nEND\r\n", .hit(24)),
    Reply(.key(key250), "VALUE \(key250) 0 2\r\nxy\r\nEND\r\n", .hit(271)),
    Reply(.key(key250, cas: true), "VALUE \(key250) 1 2 18446744073709551615\r\nxy\r\nEND\r\n", .hit(292)),
    Reply(.key("k", cas: true), "VALUE k 0 1 7\r\nx\r\nEND\r\n", .hit(23)),
    Reply(.key("k", cas: true), "VALUE k 0 0 0\r\n\r\nEND\r\n", .hit(22)),
    Reply(.key("k"), "END\r\n", .miss(5)),
    Reply(.key("k", cas: true), "END\r\n", .miss(5)),
    Reply(.key(key250), "END\r\n", .miss(5)),
    Reply(.key("k"), "ERROR\r\n", .error(7)),
    Reply(.key("k"), "SERVER_ERROR out of memory writing get response\r\n", .error(49)),
    Reply(.key(key250), "SERVER_ERROR x\r\n", .error(16)),
    Reply(.key("k", cas: true), "CLIENT_ERROR bad command line format\r\n", .error(38)),
    Reply(.line(.stored), "STORED\r\n", .done(8)),
    Reply(.line(.stored), "NOT_STORED\r\n", .done(12)),
    Reply(.line(.stored), "EXISTS\r\n", .done(8)),
    Reply(.line(.stored), "NOT_FOUND\r\n", .done(11)),
    Reply(.line(.stored), "SERVER_ERROR object too large for cache\r\n", .error(41)),
    Reply(.line(.stored), "SERVER_ERROR out of memory storing object\r\n", .error(43)),
    Reply(.line(.stored), "CLIENT_ERROR bad data chunk\r\n", .error(29)),
    Reply(.line(.stored), "ERROR\r\n", .error(7)),
    Reply(.line(.deleted), "DELETED\r\n", .done(9)),
    Reply(.line(.deleted), "NOT_FOUND\r\n", .done(11)),
    Reply(.line(.deleted), "SERVER_ERROR x\r\n", .error(16)),
    Reply(.line(.touched), "TOUCHED\r\n", .done(9)),
    Reply(.line(.touched), "NOT_FOUND\r\n", .done(11)),
    Reply(.line(.touched), "ERROR\r\n", .error(7)),
    Reply(.line(.number), "0\r\n", .done(3)),
    Reply(.line(.number), "18446744073709551615\r\n", .done(22)),
    // decr pads the number with blanks to the length of the old one.
    Reply(.line(.number), "9 \r\n", .done(4)),
    Reply(.line(.number), "99    \r\n", .done(8)),
    Reply(.line(.number), "NOT_FOUND\r\n", .done(11)),
    Reply(.line(.number), "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", .error(62)),
    Reply(.line(.done), "OK\r\n", .done(4)),
    Reply(.line(.done), "CLIENT_ERROR flush_all not allowed\r\n", .error(36)),
    Reply(.line(.done), "ERROR hot and warm pcts must not exceed 80\r\n", .error(44)),
    Reply(.line(.version), "VERSION 1.6.18\r\n", .done(16)),
    Reply(.line(.version), "VERSION \r\n", .done(10)),
    Reply(.line(.version), "ERROR\r\n", .error(7)),
    Reply(.line(.values), "SERVER_ERROR x\r\n", .error(16)),
    Reply(.report, "END\r\n", .done(5)),
    Reply(.report, "RESET\r\n", .done(7)),
    Reply(.report, "OK\r\n", .done(4)),
    Reply(.report, "STAT pid 1\r\nSTAT version 1.6.18\r\nEND\r\n", .done(38)),
    Reply(.report, "STAT libevent \r\nEND\r\n", .done(21)),
    Reply(
      .report, "PREFIX a get 1 hit 2 set 3 del 4\r\nPREFIX b get 0 hit 0 set 0 del 0\r\nEND\r\n", .done(73)),
    Reply(.report, "ITEM key [3 b; 0 s]\r\nITEM END [5 b; 1 s]\r\nEND\r\n", .done(47)),
    Reply(.report, "ERROR\r\n", .error(7)),
    Reply(.report, "CLIENT_ERROR bad command line\r\n", .error(31)),
    Reply(.report, "SERVER_ERROR out of memory writing stats\r\n", .error(42)),
  ]

  /// Invalid replies to the request.
  static let bad: [Reply] = keys + lengths + shapes + types

  private static let keys: [Reply] = [
    Reply(.key("key"), "VALUE kez 0 3\r\nabc\r\nEND\r\n", .broken(.wrongKey)),
    // Keys with a common beginning.
    Reply(.key("key"), "VALUE ke 0 3\r\nabc\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("ke"), "VALUE key 0 3\r\nabc\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("k"), "VALUE kk 0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key(key250), "VALUE k 0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key(key250), "VALUE \(key250)k 0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("k"), "VALUE  0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("k"), "VALUE K 0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("k"), "VALUE k\r\nx\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("key"), "VALUE \r\nabc\r\nEND\r\n", .broken(.wrongKey)),
    Reply(.key("k 0 1"), "VALUE k 0 1\r\nx\r\nEND\r\n", .broken(.wrongKey)),
  ]

  private static let lengths: [Reply] = [
    Reply(.key("k"), "VALUE k 0 1048577\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 2147483647\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 2147483648\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 4294967297\r\nx\r\nEND\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 18446744073709551615\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 18446744073709551617\r\nx\r\nEND\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 00000000000000000001\r\nx\r\nEND\r\n", .broken(.badLength)),
    Reply(.key("k", cas: true), "VALUE k 0 99999999999999999999 1\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 -1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 +1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 x\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1x\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 0x1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    // Shorter or longer than the declared length.
    Reply(.key("k"), "VALUE k 0 3\r\nx\r\nEND\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 1\r\nxyz\r\nEND\r\n", .broken(.badLength)),
    Reply(.key("k"), "VALUE k 0 0\r\nEND\r\n", .broken(.badLength)),
  ]

  private static let shapes: [Reply] = [
    Reply(.key("k"), "VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1\r\nx\r\nSERVER_ERROR x\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1\r\nx\r\nEND \r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1\r\nx\r\n\r\n\r\n\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1 7\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k", cas: true), "VALUE k 0 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k", cas: true), "VALUE k 0 1 7 8\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k", cas: true), "VALUE k 0 1 -7\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k", cas: true), "VALUE k 0 1 \r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k  0 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0  1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k -1 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1 \r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "VALUE k 0 1\r\rx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "END\n", .broken(.wrongType)),
    Reply(.key("k"), "END \r\n", .broken(.wrongType)),
    Reply(.key("k"), "ENDED\r\n", .broken(.wrongType)),
    Reply(.key("k"), "value k 0 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.key("k"), "SERVER_ERROR\r\n", .broken(.wrongType)),
    Reply(.key("k"), "SERVER_ERROR x\n", .broken(.wrongType)),
    Reply(.key("k"), "\r\n", .broken(.wrongType)),
    Reply(.key("k"), "\n", .broken(.wrongType)),
    Reply(.key("k"), "\0\0\0\0\0\0\0\0", .broken(.wrongType)),
    Reply(.key("k"), "garbage without an end", .broken(.wrongType)),
    Reply(.line(.stored), "STORED\n", .broken(.wrongType)),
    Reply(.line(.stored), "STORED \r\n", .broken(.wrongType)),
    Reply(.line(.stored), " STORED\r\n", .broken(.wrongType)),
    Reply(.line(.stored), "\n", .broken(.wrongType)),
    Reply(.line(.number), "\r\n", .broken(.wrongType)),
    Reply(.line(.number), "  \r\n", .broken(.wrongType)),
    Reply(.line(.number), " 1\r\n", .broken(.wrongType)),
    Reply(.line(.number), "-1\r\n", .broken(.wrongType)),
    Reply(.line(.number), "1x\r\n", .broken(.wrongType)),
    Reply(.line(.number), "18446744073709551616\r\n", .broken(.wrongType)),
    Reply(.line(.number), "100000000000000000000\r\n", .broken(.wrongType)),
    Reply(.line(.done), "OKAY\r\n", .broken(.wrongType)),
    Reply(.line(.version), "VERSION\r\n", .broken(.wrongType)),
    Reply(.report, "STAT a 1\nEND\r\n", .broken(.wrongType)),
    Reply(.report, "STAT a 1\r\nERROR\r\n", .broken(.wrongType)),
    Reply(.report, "STAT a 1\r\nRESET\r\n", .broken(.wrongType)),
    Reply(.report, "STAT a 1\r\nVALUE k 0 1\r\nx\r\nEND\r\n", .broken(.wrongType)),
    Reply(.report, "STAT\r\nEND\r\n", .broken(.wrongType)),
    Reply(.report, "\r\nEND\r\n", .broken(.wrongType)),
    Reply(.report, "\n", .broken(.wrongType)),
    Reply(.report, "END\n", .broken(.wrongType)),
  ]

  /// A valid reply to another kind of request: replies can no longer be matched to requests.
  private static let types: [Reply] = {
    let kinds: [(Asked, [String])] = [
      (.key("k"), ["VALUE k 0 1\r\nx\r\nEND\r\n", "END\r\n"]),
      (.line(.stored), ["STORED\r\n", "NOT_STORED\r\n", "EXISTS\r\n"]),
      (.line(.deleted), ["DELETED\r\n"]), (.line(.touched), ["TOUCHED\r\n"]), (.line(.number), ["12\r\n"]),
      (.line(.done), ["OK\r\n"]), (.line(.version), ["VERSION 1.6.18\r\n"]),
      (.report, ["STAT a 1\r\nEND\r\n", "RESET\r\n"]), (.line(.meta), ["HD\r\n"]),
    ]
    var wrong: [Reply] = []
    for (i, (asked, _)) in kinds.enumerated() {
      for (j, (_, texts)) in kinds.enumerated() where i != j {
        for text in texts {
          if case .report = asked, ["END\r\n", "OK\r\n"].contains(text) { continue }
          wrong.append(Reply(asked, text, .broken(.wrongType)))
        }
      }
    }
    wrong.append(Reply(.key("k"), "NOT_FOUND\r\n", .broken(.wrongType)))
    wrong.append(Reply(.line(.done), "NOT_FOUND\r\n", .broken(.wrongType)))
    return wrong
  }()
}
