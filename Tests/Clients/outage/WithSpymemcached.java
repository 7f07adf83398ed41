import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.logging.Level;
import java.util.logging.Logger;
import net.spy.memcached.MemcachedClient;

/** spymemcached, with its defaults, behind the line protocol of outages.py. */
public class WithSpymemcached {
    static String answer(MemcachedClient cache, String[] words) throws Exception {
        String key = words[1];
        switch (words[0]) {
            case "set":
                return cache.set(key, 0, words[2]).get() ? "yes" : "no";
            case "add":
                return cache.add(key, 0, words[2]).get() ? "yes" : "no";
            case "delete":
                return cache.delete(key).get() ? "yes" : "no";
            case "incr":
                long number = cache.incr(key, Long.parseLong(words[2]));
                return number < 0 ? "no" : "value " + number;
            default:
                Object value = cache.get(key);
                return value == null ? "no" : "value " + value;
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        Logger.getLogger("").setLevel(Level.OFF);
        play(new MemcachedClient(List.of(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])))));
    }

    static void play(MemcachedClient cache) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("ready");
        String line;
        while ((line = lines.readLine()) != null) {
            String said;
            try {
                said = answer(cache, line.split(" "));
            } catch (ExecutionException | RuntimeException error) {
                said = ("error " + error).replaceAll("\\s+", " ");
            }
            System.out.println(said);
            System.out.flush();
        }
        System.exit(0);
    }
}
