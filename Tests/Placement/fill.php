<?php
// Sets each key of standard input with PHP's memcached extension: fill.php default|consistent|ketama HOST:PORT...

$client = new Memcached();
if ($argv[1] === 'ketama') {
    $client->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
} elseif ($argv[1] === 'consistent') {
    $client->setOption(Memcached::OPT_DISTRIBUTION, Memcached::DISTRIBUTION_CONSISTENT);
}
foreach (array_slice($argv, 2) as $server) {
    [$host, $port] = explode(':', $server);
    $client->addServer($host, (int)$port);
}
while (($key = fgets(STDIN)) !== false) {
    if (!$client->set(rtrim($key, "\n"), 'x')) {
        fwrite(STDERR, $client->getResultMessage() . "\n");
        exit(1);
    }
}
