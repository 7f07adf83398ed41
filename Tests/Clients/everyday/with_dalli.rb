# dalli by the meta protocol, which it has since 3.2; Debian 12's knows the binary protocol only.
# Reports as checks.py does.
require "dalli"

PORT = Integer(ARGV[0])
NAMES = Hash.new(0)

def same(name, got, expected)
  NAMES[name] += 1
  name += " (#{NAMES[name]})" if NAMES[name] > 1
  puts got == expected ? "ok #{name}" : "not ok #{name}: got #{got.inspect[0, 200]}, expected #{expected.inspect[0, 200]}"
end

def part(name)
  yield
  same("#{name} to its end", true, true)
rescue StandardError => e
  same("#{name} to its end", e, true)
end

def client(**options)
  Dalli::Client.new("127.0.0.1:#{PORT}", protocol: :meta, socket_timeout: 5, **options)
end

part("reads and writes") do
  cache = client
  same("set", cache.set("greeting", "hello").is_a?(Integer), true)
  same("get", cache.get("greeting"), "hello")
  same("get of nothing", cache.get("nothing"), nil)
  ["", "EN\r\nVA 1\r\nx\r\nx", 42, 4.5, true, nil, [1, { "b" => :c }]].each do |value|
    cache.set("typed", value)
    # An older dalli cannot read back its own line ends.
    got = begin
      cache.get("typed")
    rescue Dalli::UnmarshalError => e
      e
    end
    same("get of a type", got, value)
  end
  [1000, 16_384, 100_000, 1_000_000].each do |length|
    value = "x" + Random.bytes(length - 2) + "x"
    plain = client(compress: false)
    plain.set("length:#{length}", value, nil, raw: true)
    same("get of #{length}", plain.get("length:#{length}", raw: true).b == value.b, true)
  end
  cache.set("schlüssel ☃", "ja")
  same("key beyond ASCII, with a blank", cache.get("schlüssel ☃"), "ja")
  same("get_multi with such a key", cache.get_multi("schlüssel ☃", "greeting"), { "schlüssel ☃" => "ja", "greeting" => "hello" })
  same("add of what is there", cache.add("greeting", "no"), false)
  same("add", cache.add("fresh", "yes").is_a?(Integer), true)
  same("replace", cache.replace("fresh", "other").is_a?(Integer), true)
  same("replace of nothing", cache.replace("nothing", "x"), false)
  cache.set("ends", "middle", nil, raw: true)
  same("append", cache.append("ends", ">"), true)
  same("prepend", cache.prepend("ends", "<"), true)
  same("append to nothing", cache.append("nothing", ">"), false)
  same("get of both ends", cache.get("ends", raw: true), "<middle>")
  same("fetch", cache.fetch("made") { "made" }, "made")
  same("fetch of what is there", cache.fetch("made") { "other" }, "made")
  same("delete", cache.delete("greeting"), true)
  same("delete of nothing", cache.delete("greeting"), false)
  same("longest key", [cache.set("k" * 250, 1).is_a?(Integer), cache.get("k" * 250)], [true, 1])
  same("key that is too long", [cache.set("k" * 400, 1).is_a?(Integer), cache.get("k" * 400)], [true, 1])
end

part("many") do
  cache = client
  keys = (0...1000).map { |i| "many:#{i}" }
  cache.quiet { keys.each { |key| cache.set(key, key) } }
  same("get_multi after a quiet block", cache.get_multi(*keys, "nothing"), keys.to_h { |key| [key, key] })
  cache.multi { keys.first(500).each { |key| cache.delete(key) } }
  same("get_multi of what is left", cache.get_multi(*keys).size, 500)
  got = cache.get_multi_cas("many:501", "many:502")
  same("get_multi_cas", got.transform_values(&:first), { "many:501" => "many:501", "many:502" => "many:502" })
end

part("tokens") do
  cache = client
  cache.set("token", 1)
  same("cas", cache.cas("token") { |value| value + 1 }.is_a?(Integer), true)
  same("cas that comes too late", cache.cas("token") { |value| client.set("token", 9) && value }, false)
  same("cas of nothing", cache.cas("nothing") { 1 }, nil)
  value, token = cache.get_cas("token")
  same("get_cas", value, 9)
  same("set_cas", cache.set_cas("token", 10, token).is_a?(Integer), true)
  same("set_cas with an old token", cache.set_cas("token", 11, token), false)
  same("delete_cas with an old token", cache.delete_cas("token", token), false)
  same("get after cas", cache.get("token"), 10)
end

part("numbers") do
  cache = client
  same("incr of nothing", cache.incr("number", 1), nil)
  same("incr with a first value", cache.incr("number", 1, nil, 10), 10)
  same("incr", cache.incr("number", 5), 15)
  same("decr", cache.decr("number", 3), 12)
  same("decr below nothing", cache.decr("number", 100), 0)
  same("touch", cache.touch("number", 100), true)
  same("touch of nothing", cache.touch("nothing", 100), nil)
  same("gat", cache.gat("token", 100), 10)
  cache.set("short", 1, 1)
  40.times { cache.get("short") ? sleep(0.1) : break }
  same("what is short ends", cache.get("short"), nil)
end

part("threads") do
  cache = client(threadsafe: true, namespace: "app")
  wrong = Queue.new
  (0...8).map do |me|
    Thread.new do
      50.times do |i|
        cache.set("thread:#{me}", i)
        wrong << me if cache.get("thread:#{me}") != i
      end
    end
  end.each(&:join)
  same("all values their own", wrong.size, 0)
end

part("whole") do
  cache = client
  cache.set("packed", "x" * 3_000_000)
  same("get of what is packed", cache.get("packed").size, 3_000_000)
  same("set of what is too large", begin
    cache.set("large", Random.bytes(2_000_000), nil, raw: true)
  rescue Dalli::ValueOverMaxSize
    :too_large
  end, :too_large)
  same("version", cache.version.values.first.start_with?("1."), true)
  same("stats", cache.stats.values.first.key?("curr_items"), true)
  same("stats of settings", cache.stats(:settings).values.first.key?("maxbytes"), true)
  same("alive!", begin
    cache.alive!
    true
  end, true)
  cache.set("last", 1)
  same("flush", cache.flush, [true])
  same("get after flush", cache.get("last"), nil)
  cache.close
  same("set after close", cache.set("again", 1).is_a?(Integer), true)
end
