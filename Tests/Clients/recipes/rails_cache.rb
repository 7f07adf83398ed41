# Rails' cache with dalli, as `config.cache_store` makes it. Needs dalli 3.2 or later.
require 'active_support'
require 'active_support/cache'
require 'dalli'

# Its warnings would be lines among the answers.
Dalli.logger.level = Logger::FATAL
ActiveSupport::Cache::Store.logger = nil
config = Struct.new(:cache_store).new
# <page>
config.cache_store = :mem_cache_store, '127.0.0.1:11311', {
  protocol: :meta,            # dalli 5 has no other, and no such option
  socket_timeout: 2,
  socket_max_failures: 1,
  socket_failure_delay: false,
  down_retry_delay: 1,
  failover: false,
  keepalive: true,
  compress: true,
  error_when_over_max_size: false
}
# </page>
cache = ActiveSupport::Cache.lookup_store(*config.cache_store)
$stdout.sync = true
puts 'ready'
while (line = $stdin.gets)
  word, key, argument = line.split
  begin
    puts case word
         when 'set' then cache.write(key, argument) ? 'yes' : 'no'
         when 'add' then cache.write(key, argument, unless_exist: true) ? 'yes' : 'no'
         when 'delete' then cache.delete(key) ? 'yes' : 'no'
         else (value = cache.read(key)).nil? ? 'no' : "value #{value}"
         end
  rescue StandardError => e
    puts "error #{e.class}: #{e.message}".tr("\r\n", '  ')
  end
end
