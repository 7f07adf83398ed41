<?php
// php-memcached as a cache of pages and query results.

require getenv('OUTAGE') . '/results.php';

// <page>
$cache = new Memcached('ringroad');
if (!$cache->getServerList()) {
    $cache->setOptions([
        Memcached::OPT_BINARY_PROTOCOL => false,
        Memcached::OPT_CONNECT_TIMEOUT => 1000,
        Memcached::OPT_POLL_TIMEOUT => 2000,
        Memcached::OPT_TCP_NODELAY => true,
        Memcached::OPT_TCP_KEEPALIVE => true,
        Memcached::OPT_RETRY_TIMEOUT => 1,
        Memcached::OPT_REMOVE_FAILED_SERVERS => false,
        Memcached::OPT_COMPRESSION => true,
    ]);
    $cache->addServer('127.0.0.1', 11311);
}
// </page>
answer($cache);
