// gomemcache behind the line protocol of outages.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func answer(cache *memcache.Client, words []string) string {
	var err error
	found := "yes"
	key := words[1]
	switch words[0] {
	case "set":
		err = cache.Set(&memcache.Item{Key: key, Value: []byte(words[2])})
	case "add":
		err = cache.Add(&memcache.Item{Key: key, Value: []byte(words[2])})
	case "delete":
		err = cache.Delete(key)
	case "get":
		var item *memcache.Item
		if item, err = cache.Get(key); err == nil {
			found = "value " + string(item.Value)
		}
	case "incr":
		var number uint64
		step, _ := strconv.ParseUint(words[2], 10, 64)
		if number, err = cache.Increment(key, step); err == nil {
			found = fmt.Sprintf("value %d", number)
		}
	}
	switch err {
	case nil:
		return found
	case memcache.ErrCacheMiss, memcache.ErrNotStored:
		return "no"
	}
	return "error " + strings.Join(strings.Fields(err.Error()), " ")
}

func main() {
	cache := memcache.New("127.0.0.1:" + os.Args[1])
	// Longer than ringroad's request_timeout; its own default is 100 ms.
	cache.Timeout = 2 * time.Second
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(cache, strings.Fields(lines.Text())))
	}
}
