<?php
// The PECL extension memcache behind the line protocol of outages.py.

$cache = new Memcache();
// Timeout of 2 s: longer than ringroad's request_timeout.
$cache->addServer('127.0.0.1', (int)$argv[1], false, 1, 2);
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
    if ($result === false) {
        echo "no\n";
    } else {
        echo $result === true ? "yes\n" : "value $result\n";
    }
}
