<?php
// The PECL extension memcache behind the line protocol of outages.py.

require __DIR__ . '/results.php';

$cache = new Memcache();
// Timeout of 2 s: longer than ringroad's request_timeout.
$cache->addServer('127.0.0.1', (int)$argv[1], false, 1, 2);
answer($cache);
