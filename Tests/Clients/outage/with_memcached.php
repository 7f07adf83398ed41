<?php
// The PECL extension memcached, and with it libmemcached, behind the line protocol of outages.py.

require __DIR__ . '/results.php';

$cache = new Memcached();
// Timeout of 2 s: longer than ringroad's request_timeout.
$cache->setOption(Memcached::OPT_POLL_TIMEOUT, 2000);
$cache->addServer('127.0.0.1', (int)$argv[1]);
foreach (results($cache) as $result) {
    $code = $cache->getResultCode();
    if ($result !== false) {
        echo $result === true ? "yes\n" : "value $result\n";
    } elseif ($code === Memcached::RES_NOTFOUND || $code === Memcached::RES_NOTSTORED) {
        echo "no\n";
    } else {
        echo "error $code: " . strtr($cache->getResultMessage(), "\r\n", '  ') . "\n";
    }
}
