<?php
// PHP's sessions, kept by php-memcached: a session for each key, with one value.

require getenv('OUTAGE') . '/results.php';

/** Answers as a cache object does. */
class Sessions
{
    public function set(string $key, string $value): bool
    {
        return $this->within($key, function () use ($value) {
            $_SESSION['value'] = $value;
            return true;
        });
    }

    public function get(string $key): string|bool
    {
        return $this->within($key, fn() => $_SESSION['value'] ?? false);
    }

    public function delete(string $key): bool
    {
        session_id($key);
        return session_start() && session_destroy();
    }

    /** What a page gives that is run within the session. */
    private function within(string $key, callable $page): string|bool
    {
        session_id($key);
        $_SESSION = [];
        if (!session_start()) {
            return false;
        }
        $result = $page();
        return session_write_close() ? $result : false;
    }
}

ob_start(null, 1);
answer(new Sessions());
