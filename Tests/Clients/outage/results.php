<?php
// The commands of outages.py, one a line, as calls of a PHP cache object.

/** Runs every command that comes, and prints what it returns, one line each. */
function answer(object $cache): void
{
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
        echo $result === false ? refusal($cache) : ($result === true ? 'yes' : "value $result"), "\n";
    }
}

/** Why a command failed, if the extension tells it: only memcached's does. */
function refusal(object $cache): string
{
    if (!$cache instanceof Memcached) {
        return 'no';
    }
    $code = $cache->getResultCode();
    return $code === Memcached::RES_NOTFOUND || $code === Memcached::RES_NOTSTORED
        ? 'no' : "error $code: " . strtr($cache->getResultMessage(), "\r\n", '  ');
}
