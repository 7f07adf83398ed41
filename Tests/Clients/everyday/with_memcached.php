<?php
// php-memcached, and with it libmemcached: plain, unblocked, buffered, and as a place for sessions.
// Reports as checks.py does.

$port = (int)$argv[1];
$names = [];

function same(string $name, $got, $expected): void
{
    global $names;
    $names[$name] = ($names[$name] ?? 0) + 1;
    $name .= $names[$name] > 1 ? " ($names[$name])" : '';
    if ($got === $expected) {
        echo "ok $name\n";
    } else {
        echo "not ok $name: got " . substr(json_encode($got, JSON_PARTIAL_OUTPUT_ON_ERROR), 0, 200) . "\n";
    }
}

function client(array $options = []): Memcached
{
    global $port;
    $cache = new Memcached();
    $cache->setOptions($options + [
        Memcached::OPT_CONNECT_TIMEOUT => 5000,
        Memcached::OPT_SEND_TIMEOUT => 5000000,
        Memcached::OPT_RECV_TIMEOUT => 5000000,
        Memcached::OPT_POLL_TIMEOUT => 5000,
    ]);
    $cache->addServer('127.0.0.1', $port);
    return $cache;
}

function readsAndWrites(string $kind, Memcached $cache): void
{
    same("$kind: set", $cache->set('greeting', 'hello'), true);
    same("$kind: get", $cache->get('greeting'), 'hello');
    same("$kind: get of nothing", $cache->get('nothing'), false);
    same("$kind: code of nothing", $cache->getResultCode(), Memcached::RES_NOTFOUND);
    foreach (['text', 42, 4.5, true, false, null, ['a' => [1, 2]], "\r\nEND\r\n", ''] as $value) {
        $cache->set('typed', $value);
        same("$kind: get of a type", $cache->get('typed'), $value);
    }
    foreach ([1000, 16384, 100000, 1000000] as $length) {
        $value = random_bytes($length);
        same("$kind: set of $length", $cache->set("length:$length", $value), true);
        same("$kind: get of $length", $cache->get("length:$length") === $value, true);
    }
    $cache->set('packed', str_repeat('x', 3000000));
    same("$kind: get of what is packed", strlen($cache->get('packed')), 3000000);
    same("$kind: add of what is there", $cache->add('greeting', 'no'), false);
    same("$kind: code of what is there", $cache->getResultCode(), Memcached::RES_NOTSTORED);
    same("$kind: add", $cache->add('fresh', 'yes'), true);
    same("$kind: replace", $cache->replace('fresh', 'middle'), true);
    same("$kind: replace of nothing", $cache->replace('nothing', 'x'), false);
    $cache->setOption(Memcached::OPT_COMPRESSION, false);
    same("$kind: append", $cache->append('fresh', '>'), true);
    same("$kind: prepend", $cache->prepend('fresh', '<'), true);
    same("$kind: get of both ends", $cache->get('fresh'), '<middle>');
    same("$kind: setByKey", $cache->setByKey('group', 'member', 'm'), true);
    same("$kind: getByKey", $cache->getByKey('group', 'member'), 'm');
    same("$kind: get with a callback", $cache->get('made', function ($cache, $key, &$value) {
        $value = "made of $key";
        return true;
    }), 'made of made');
    same("$kind: delete", $cache->delete('greeting'), true);
    same("$kind: delete of nothing", $cache->delete('greeting'), false);
    same("$kind: longest key", $cache->set(str_repeat('k', 250), 'long'), true);
    same("$kind: get by the longest key", $cache->get(str_repeat('k', 250)), 'long');
}

function many(string $kind, Memcached $cache): void
{
    $values = [];
    for ($i = 0; $i < 1000; $i++) {
        $values["many:$i"] = "value $i";
    }
    same("$kind: setMulti", $cache->setMulti($values), true);
    $got = $cache->getMulti(array_merge(array_keys($values), ['nothing']));
    ksort($got);
    $sorted = $values;
    ksort($sorted);
    same("$kind: getMulti", $got, $sorted);
    $got = $cache->getMulti(array_keys($values), Memcached::GET_PRESERVE_ORDER);
    same("$kind: getMulti in order", $got, $values);
    $got = $cache->getMulti(['many:1', 'many:2'], Memcached::GET_EXTENDED);
    same("$kind: getMulti with tokens", $got['many:2']['value'], 'value 2');
    same("$kind: getDelayed", $cache->getDelayed(['many:1', 'many:2', 'nothing']), true);
    $got = array_column($cache->fetchAll(), 'value', 'key');
    ksort($got);
    same("$kind: fetchAll", $got, ['many:1' => 'value 1', 'many:2' => 'value 2']);
    $gone = $cache->deleteMulti(['many:1', 'many:2', 'nothing']);
    same("$kind: deleteMulti", $gone, ['many:1' => true, 'many:2' => true, 'nothing' => Memcached::RES_NOTFOUND]);
    same("$kind: getMulti of what is left", count($cache->getMulti(array_keys($values))), 998);
}

function tokens(string $kind, Memcached $cache): void
{
    $cache->set('token', '1');
    $got = $cache->get('token', null, Memcached::GET_EXTENDED);
    same("$kind: get with a token", $got['value'], '1');
    same("$kind: cas", $cache->cas($got['cas'], 'token', '2'), true);
    same("$kind: cas with an old token", $cache->cas($got['cas'], 'token', '3'), false);
    same("$kind: code of an old token", $cache->getResultCode(), Memcached::RES_DATA_EXISTS);
    same("$kind: get after cas", $cache->get('token'), '2');
}

function numbers(string $kind, Memcached $cache): void
{
    $cache->set('number', 10);
    same("$kind: increment", $cache->increment('number', 5), 15);
    same("$kind: decrement", $cache->decrement('number', 3), 12);
    same("$kind: get of a number", $cache->get('number'), 12);
    same("$kind: increment of nothing", $cache->increment('nothing'), false);
    same("$kind: touch", $cache->touch('number', 100), true);
    same("$kind: touch of nothing", $cache->touch('nothing', 100), false);
    $cache->set('short', 'x', 1);
    for ($i = 0; $i < 40 && $cache->get('short') !== false; $i++) {
        usleep(100000);
    }
    same("$kind: what is short ends", $cache->get('short'), false);
}

function whole(string $kind, Memcached $cache): void
{
    global $port;
    $stats = $cache->getStats();
    same("$kind: getStats", isset($stats["127.0.0.1:$port"]['curr_items']), true);
    $items = $cache->getStats('items');
    same("$kind: getStats of items", is_array($items["127.0.0.1:$port"]), true);
    same("$kind: getVersion", preg_match('/^1\./', $cache->getVersion()["127.0.0.1:$port"]), 1);
    $cache->set('last', 1);
    same("$kind: flush", $cache->flush(), true);
    same("$kind: get after flush", $cache->get('last'), false);
    $cache->quit();
    same("$kind: set after quit", $cache->set('again', 1), true);
    $cache->flush();
}

function withoutReplies(): void
{
    foreach (['quiet' => [Memcached::OPT_NOREPLY => true], 'buffered' => [Memcached::OPT_BUFFER_WRITES => true]] as $kind => $options) {
        $cache = client($options);
        $values = [];
        for ($i = 0; $i < 500; $i++) {
            $cache->set("$kind:$i", "v$i");
            $values["$kind:$i"] = "v$i";
        }
        $cache->flushBuffers();
        same("$kind: all there", $cache->getMulti(array_keys($values), Memcached::GET_PRESERVE_ORDER), $values);
    }
}

function prefixes(): void
{
    $cache = client([Memcached::OPT_PREFIX_KEY => 'app:', Memcached::OPT_SERIALIZER => Memcached::SERIALIZER_JSON]);
    $cache->set('a', ['b' => 1]);
    same('prefix: get', (array)$cache->get('a'), ['b' => 1]);
    same('prefix: getMulti', array_keys($cache->getMulti(['a', 'b'])), ['a']);
    same('prefix: stored under it', client()->get('app:a') !== false, true);
}

function sessions(): void
{
    global $port;
    ini_set('session.save_handler', 'memcached');
    ini_set('session.save_path', "127.0.0.1:$port");
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    ini_set('memcached.sess_binary_protocol', '0');
    ini_set('memcached.sess_locking', '1');
    session_id('ringroadsession');
    same('session: start', session_start(), true);
    $_SESSION['user'] = 'ann';
    same('session: close', session_write_close(), true);
    $_SESSION = [];
    same('session: start again', session_start(), true);
    same('session: read', $_SESSION['user'] ?? null, 'ann');
    same('session: destroy', session_destroy(), true);
    session_id('ringroadsession');
    session_start();
    same('session: destroyed', $_SESSION, []);
    session_write_close();
}

ob_start(null, 0);
sessions();
ob_end_flush();
$ways = [
    'plain' => [],
    'unblocked' => [Memcached::OPT_NO_BLOCK => true, Memcached::OPT_TCP_NODELAY => true],
    'ketama' => [Memcached::OPT_LIBKETAMA_COMPATIBLE => true],
];
foreach ($ways as $kind => $options) {
    readsAndWrites($kind, client($options));
    many($kind, client($options));
    tokens($kind, client($options));
    numbers($kind, client($options));
    whole($kind, client($options));
}
withoutReplies();
prefixes();
same('to its end', true, true);
