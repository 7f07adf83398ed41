<?php
// The PECL extension memcached, and with it libmemcached, behind the line protocol of outages.py.

require __DIR__ . '/results.php';

$cache = new Memcached();
// Timeout of 2 s: longer than ringroad's request_timeout.
$cache->setOption(Memcached::OPT_POLL_TIMEOUT, 2000);
$cache->addServer('127.0.0.1', (int)$argv[1]);
answer($cache);
