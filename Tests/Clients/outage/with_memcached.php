<?php
// The PECL extension memcached, and with it libmemcached, behind the line protocol of outages.py.

$cache = new Memcached();
// Timeout of 2 s: longer than ringroad's request_timeout.
$cache->setOption(Memcached::OPT_POLL_TIMEOUT, 2000);
$cache->addServer('127.0.0.1', (int)$argv[1]);
echo "ready\n";
while (($line = fgets(STDIN)) !== false) {
    [$word, $key, $argument] = explode(' ', rtrim($line) . '  ');
    $result = match ($word) {
        'set' => $cache->set($key, $argument),
        'get' => $cache->get($key),
        'add' => $cache->add($key, $argument),
        'delete' => $cache->delete($key),
        'incr' => $cache->increment($key, (int)$argument),
    };
    $code = $cache->getResultCode();
    if ($result !== false) {
        echo $result === true ? "yes\n" : "value $result\n";
    } elseif ($code === Memcached::RES_NOTFOUND || $code === Memcached::RES_NOTSTORED) {
        echo "no\n";
    } else {
        echo "error $code: " . strtr($cache->getResultMessage(), "\r\n", '  ') . "\n";
    }
}
