#!/usr/bin/perl
# Cache::Memcached or Cache::Memcached::Fast, as the first argument says, behind the line protocol of outages.py.
use strict;
use warnings;

my ($library, $port) = @ARGV;
eval "require $library; 1" or die $@;
# Timeout of 2 s: longer than ringroad's request_timeout. Cache::Memcached has one that cannot be set.
my $cache = $library->new({
    servers => ["127.0.0.1:$port"],
    $library eq 'Cache::Memcached::Fast' ? (connect_timeout => 2, io_timeout => 2) : (),
});
my $ask = {
    set => sub { $cache->set(@_) },
    get => sub { $cache->get(@_) },
    add => sub { $cache->add(@_) },
    delete => sub { $cache->delete(@_) },
    incr => sub { $cache->incr(@_) },
};
$| = 1;
print "ready\n";
while (my $line = <STDIN>) {
    my ($word, @arguments) = split ' ', $line;
    my $result = eval { $ask->{$word}->(@arguments) };
    if ($@) {
        print 'error ', $@ =~ s/\s+/ /gr, "\n";
    } elsif ($word eq 'get' || $word eq 'incr') {
        print defined $result && $result ne '' ? "value $result\n" : "no\n";
    } else {
        print $result ? "yes\n" : "no\n";
    }
}
