# dalli behind the line protocol of outages.py. Needs 3.2 or later: those before speak the binary protocol only.
require 'dalli'

# Timeout of 2 s: longer than ringroad's request_timeout.
options = { socket_timeout: 2 }
# From 5.0 it has no other protocol.
options[:protocol] = :meta if Gem::Version.new(Dalli::VERSION) < Gem::Version.new('5')
cache = Dalli::Client.new("127.0.0.1:#{ARGV[0]}", options)
$stdout.sync = true
puts 'ready'
while (line = $stdin.gets)
  word, key, argument = line.split
  begin
    # Counters must be stored as they are.
    puts case word
         when 'set' then cache.set(key, argument, nil, raw: true) ? 'yes' : 'no'
         when 'add' then cache.add(key, argument, nil, raw: true) ? 'yes' : 'no'
         when 'delete' then cache.delete(key) ? 'yes' : 'no'
         else
           value = word == 'get' ? cache.get(key, raw: true) : cache.incr(key, argument.to_i)
           value.nil? ? 'no' : "value #{value}"
         end
  rescue StandardError => e
    puts "error #{e.class}: #{e.message}".tr("\r\n", '  ')
  end
end
