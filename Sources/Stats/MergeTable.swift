/// The merge rule of every stat that memcached prints, in the order in which 1.6.18 prints them; stats of later
/// versions are listed beside related ones.
///
/// `*` stands for a number: a slab class, an item size or a connection. A stat that is not listed has the default
/// rule of its kind, so that a newer server's rows are still shown.
///
/// In short: counters and sizes are summed, because the servers share the keys between them; of times and ages the
/// most alarming one is shown; a claim must hold for all servers; a setting is shown once, or as a list if servers
/// differ. In `stats` a number is a counter (`count`), which only grows, or a gauge (`sum`), which tells a state: see
/// `KnownCounters`.
package enum MergeTable {
  // MARK: - stats

  static let general: KeyValuePairs<String, MergeRule> = [
    "pid": .ownPID,
    // The server that started last: a drop shows that a server restarted.
    "uptime": .smallest,
    "time": .largest,
    "version": .lowestVersion,
    "libevent": .same,
    "pointer_size": .same,
    "rusage_user": .countOfSeconds,
    "rusage_system": .countOfSeconds,
    "max_connections": .sum,
    "curr_connections": .sum,
    "total_connections": .count,
    "rejected_connections": .count,
    "connection_structures": .sum,
    "response_obj_oom": .count,
    "response_obj_count": .sum,
    "response_obj_bytes": .sum,
    "read_buf_count": .sum,
    "read_buf_bytes": .sum,
    "read_buf_bytes_free": .sum,
    "read_buf_oom": .count,
    "reserved_fds": .sum,
    // Printed only by a server that is a memcached proxy.
    "proxy_conn_requests": .count,
    "proxy_conn_errors": .count,
    "proxy_conn_oom": .count,
    "proxy_req_active": .sum,
    "proxy_await_active": .sum,
    "cmd_get": .count,
    "cmd_set": .count,
    "cmd_flush": .count,
    "cmd_touch": .count,
    "cmd_meta": .count,
    "get_hits": .count,
    "get_misses": .count,
    "get_expired": .count,
    "get_flushed": .count,
    "get_extstore": .count,
    "get_aborted_extstore": .count,
    "get_oom_extstore": .count,
    "recache_from_extstore": .count,
    "miss_from_extstore": .count,
    "badcrc_from_extstore": .count,
    "delete_misses": .count,
    "delete_hits": .count,
    "incr_misses": .count,
    "incr_hits": .count,
    "decr_misses": .count,
    "decr_hits": .count,
    "cas_misses": .count,
    "cas_hits": .count,
    "cas_badval": .count,
    "touch_hits": .count,
    "touch_misses": .count,
    "store_too_large": .count,
    "store_no_memory": .count,
    "auth_cmds": .count,
    "auth_errors": .count,
    "idle_kicks": .count,
    "bytes_read": .count,
    "bytes_written": .count,
    "limit_maxbytes": .sum,
    // If one server accepts no connections, the cluster does not accept all.
    "accepting_conns": .all,
    "listen_disabled_num": .count,
    "time_in_listen_disabled_us": .count,
    "threads": .sum,
    "conn_yields": .count,
    // The exponent of a table's size: a sum of exponents would mean nothing.
    "hash_power_level": .largest,
    "hash_bytes": .sum,
    "hash_is_expanding": .any,
    "slab_reassign_rescues": .count,
    "slab_reassign_chunk_rescues": .count,
    "slab_reassign_evictions_nomem": .count,
    "slab_reassign_inline_reclaim": .count,
    "slab_reassign_busy_items": .count,
    "slab_reassign_busy_deletes": .count,
    "slab_reassign_busy_nomem": .count,
    // Texts: shown once, or as a list if they differ.
    "slab_reassign_last_busy_status": .same,
    "slab_reassign_running": .any,
    "slabs_moved": .count,
    "lru_crawler_running": .any,
    "lru_crawler_starts": .count,
    "lru_maintainer_juggles": .count,
    "malloc_fails": .count,
    "log_worker_dropped": .count,
    "log_worker_written": .count,
    "log_watcher_skipped": .count,
    "log_watcher_sent": .count,
    "log_watchers": .sum,
    "ssl_new_sessions": .count,
    "ssl_handshake_errors": .count,
    "ssl_proto_errors": .count,
    // The certificate that has been in use longest.
    "time_since_server_cert_refresh": .largest,
    "unexpected_napi_ids": .count,
    "round_robin_fallback": .count,
    "bytes": .sum,
    "curr_items": .sum,
    "total_items": .count,
    "slab_global_page_pool": .sum,
    "expired_unfetched": .count,
    "evicted_unfetched": .count,
    "evicted_active": .count,
    "evictions": .count,
    "reclaimed": .count,
    "crawler_reclaimed": .count,
    "crawler_items_checked": .count,
    "lrutail_reflocked": .count,
    "moves_to_cold": .count,
    "moves_to_warm": .count,
    "moves_within_lru": .count,
    "direct_reclaims": .count,
    "lru_bumps_dropped": .count,
    // A share of one server's memory.
    "extstore_memory_pressure": .same,
    "extstore_compact_lost": .count,
    "extstore_compact_resc_cold": .count,
    "extstore_compact_resc_old": .count,
    "extstore_compact_rescues": .count,
    "extstore_compact_skipped": .count,
    "extstore_page_allocs": .count,
    "extstore_page_evictions": .count,
    "extstore_page_reclaims": .count,
    "extstore_pages_free": .sum,
    "extstore_pages_used": .sum,
    "extstore_objects_evicted": .count,
    "extstore_objects_read": .count,
    "extstore_objects_written": .count,
    "extstore_objects_used": .sum,
    "extstore_bytes_evicted": .count,
    "extstore_bytes_written": .count,
    "extstore_bytes_read": .count,
    "extstore_bytes_used": .sum,
    "extstore_bytes_fragmented": .sum,
    "extstore_limit_maxbytes": .sum,
    "extstore_io_queue": .sum,
    "proxy_config_reloads": .count,
    "proxy_config_reload_fails": .count,
    "proxy_config_cron_runs": .count,
    "proxy_config_cron_fails": .count,
    "proxy_request_failed_depth": .count,
    "proxy_backend_total": .sum,
    "proxy_backend_marked_bad": .count,
    "proxy_backend_failed": .count,
  ]

  // MARK: - stats settings

  static let settings: KeyValuePairs<String, MergeRule> = [
    "maxbytes": .same, "maxconns": .same, "tcpport": .same, "udpport": .same, "inter": .same,
    "verbosity": .same, "oldest": .same, "evictions": .same, "domain_socket": .same, "umask": .same,
    "shutdown_command": .same, "growth_factor": .same, "chunk_size": .same, "num_threads": .same,
    "num_threads_per_udp": .same, "stat_key_prefix": .same, "detail_enabled": .same,
    "reqs_per_event": .same,
    // Clients may rely on a feature that is enabled here, so it must be enabled on every server.
    "cas_enabled": .all,
    "tcp_backlog": .same, "binding_protocol": .same, "auth_enabled_sasl": .same,
    "auth_enabled_ascii": .same, "item_size_max": .same, "maxconns_fast": .same,
    "hashpower_init": .same, "slab_reassign": .same, "slab_automove": .same,
    "slab_automove_ratio": .same, "slab_automove_window": .same, "slab_chunk_max": .same,
    "lru_crawler": .same, "lru_crawler_sleep": .same, "lru_crawler_tocrawl": .same,
    "tail_repair_time": .same,
    "flush_enabled": .all,
    "dump_enabled": .all,
    "hash_algorithm": .same, "lru_maintainer_thread": .same, "lru_segmented": .same,
    "hot_lru_pct": .same, "warm_lru_pct": .same, "hot_max_factor": .same, "warm_max_factor": .same,
    "temp_lru": .same, "temporary_ttl": .same, "idle_timeout": .same, "watcher_logbuf_size": .same,
    "worker_logbuf_size": .same, "read_buf_mem_limit": .same, "track_sizes": .same,
    "inline_ascii_response": .same, "drop_privileges": .same,
    "ext_item_size": .same, "ext_item_age": .same, "ext_low_ttl": .same, "ext_recache_rate": .same,
    "ext_wbuf_size": .same, "ext_compact_under": .same, "ext_drop_under": .same,
    "ext_max_sleep": .same, "ext_max_frag": .same, "slab_automove_freeratio": .same,
    "ext_drop_unread": .same,
    "ssl_enabled": .same, "ssl_chain_cert": .same, "ssl_key": .same, "ssl_verify_mode": .same,
    "ssl_keyformat": .same, "ssl_ciphers": .same, "ssl_ca_cert": .same, "ssl_wbuf_size": .same,
    "ssl_session_cache": .same, "ssl_kernel_tls": .same, "ssl_min_version": .same,
    "proxy_enabled": .same, "proxy_uring_enabled": .same,
    "num_napi_ids": .same, "memory_file": .same, "client_flags_size": .same,
  ]

  // MARK: - stats items

  static let items: KeyValuePairs<String, MergeRule> = [
    "items:*:number": .sum, "items:*:number_hot": .sum, "items:*:number_warm": .sum,
    "items:*:number_cold": .sum, "items:*:number_temp": .sum,
    // The oldest item of the class on any server.
    "items:*:age_hot": .largest, "items:*:age_warm": .largest, "items:*:age": .largest,
    "items:*:mem_requested": .sum, "items:*:evicted": .sum, "items:*:evicted_nonzero": .sum,
    // How long the last evicted item had been idle, 0 if none was evicted: a short time is a warning.
    "items:*:evicted_time": .smallestAboveZero,
    "items:*:outofmemory": .sum, "items:*:tailrepairs": .sum, "items:*:reclaimed": .sum,
    "items:*:expired_unfetched": .sum, "items:*:evicted_unfetched": .sum,
    "items:*:evicted_active": .sum, "items:*:crawler_reclaimed": .sum,
    "items:*:crawler_items_checked": .sum, "items:*:lrutail_reflocked": .sum,
    "items:*:moves_to_cold": .sum, "items:*:moves_to_warm": .sum, "items:*:moves_within_lru": .sum,
    "items:*:direct_reclaims": .sum, "items:*:hits_to_hot": .sum, "items:*:hits_to_warm": .sum,
    "items:*:hits_to_cold": .sum, "items:*:hits_to_temp": .sum,
  ]

  // MARK: - stats slabs

  static let slabs: KeyValuePairs<String, MergeRule> = [
    // Properties of the class, not its usage: equal on servers with the same settings.
    "*:chunk_size": .same, "*:chunks_per_page": .same,
    "*:total_pages": .sum, "*:total_chunks": .sum, "*:used_chunks": .sum, "*:free_chunks": .sum,
    "*:free_chunks_end": .sum, "*:get_hits": .sum, "*:cmd_set": .sum, "*:delete_hits": .sum,
    "*:incr_hits": .sum, "*:decr_hits": .sum, "*:cas_hits": .sum, "*:cas_badval": .sum,
    "*:touch_hits": .sum,
    // The number must match the classes listed above it, and servers mostly use the same ones.
    "active_slabs": .classesListed,
    "total_malloced": .sum,
  ]

  // MARK: - stats sizes

  static let sizes: KeyValuePairs<String, MergeRule> = [
    "*": .sum, "sizes_status": .same, "sizes_error": .same,
  ]

  // MARK: - stats conns

  /// Connections of different servers are different connections, even with the same number.
  static let conns: KeyValuePairs<String, MergeRule> = [
    "*:UDP": .each, "*:addr": .each, "*:listen_addr": .each, "*:state": .each,
    "*:secs_since_last_cmd": .each,
  ]
}
