<?php
// The commands of outages.py, one a line, as calls of a PHP cache object.

/** Runs every command that comes, and yields what the extension returns. */
function results(object $cache): Generator
{
    echo "ready\n";
    while (($line = fgets(STDIN)) !== false) {
        [$word, $key, $argument] = explode(' ', rtrim($line) . '  ');
        yield match ($word) {
            'set' => $cache->set($key, $argument),
            'get' => $cache->get($key),
            'add' => $cache->add($key, $argument),
            'delete' => $cache->delete($key),
            'incr' => $cache->increment($key, (int)$argument),
        };
    }
}
