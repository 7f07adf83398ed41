import java.util.logging.Level;
import java.util.logging.Logger;
// <page>
import net.spy.memcached.AddrUtil;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.FailureMode;
import net.spy.memcached.MemcachedClient;
// </page>

/** spymemcached as a cache. */
public class Spymemcached {
    static MemcachedClient client() throws Exception {
        // <page>
        MemcachedClient cache = new MemcachedClient(
            new ConnectionFactoryBuilder()
                .setProtocol(ConnectionFactoryBuilder.Protocol.TEXT)
                .setOpTimeout(2000)
                .setFailureMode(FailureMode.Cancel)
                .setMaxReconnectDelay(1)
                .setUseNagleAlgorithm(false)
                .setDaemon(true)
                .build(),
            AddrUtil.getAddresses("127.0.0.1:11311"));
        // </page>
        return cache;
    }

    public static void main(String[] arguments) throws Exception {
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        Logger.getLogger("").setLevel(Level.OFF);
        WithSpymemcached.play(client());
    }
}
