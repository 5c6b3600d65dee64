using ProcessCluster.Linux.Sockets;
using ProcessCluster.Linux.Systemd;

namespace ProcessCluster.Tests.Linux.Systemd;

/// <summary>What systemd says in the environment: <c>man 3 sd_listen_fds</c>, <c>sd_notify</c>, <c>sd_watchdog_enabled</c>.</summary>
public sealed class SystemdTests
{
    private const int Self = 4711;

    [Theory]
    [InlineData("4711", "2", "web:admin", "web admin")]
    [InlineData("4711", "1", "web", "web")]
    [InlineData("4711", "2", null, "unknown unknown")]
    [InlineData("4711", "2", "web", "unknown unknown")]
    [InlineData("4711", "0", "", "")]
    [InlineData("4711", "-1", "web", "")]
    [InlineData("4711", "2147483647", "web", "")]
    [InlineData("4711", "many", "web", "")]
    [InlineData("4711", null, "web", "")]
    [InlineData("4712", "1", "web", "")]
    [InlineData(null, "1", "web", "")]
    [InlineData("me", "1", "web", "")]
    public void Sockets_are_those_that_are_meant_for_this_process(string? process, string? count, string? names, string expected) =>
        Assert.Equal(expected, string.Join(' ', SystemdSockets.Take(Self, process, count, names)));

    [Theory]
    [InlineData("/run/systemd/notify", true)]
    [InlineData("@notify", true)]
    [InlineData("@", false)]
    [InlineData("notify", false)]
    [InlineData("vsock:2:1234", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void The_notification_socket_is_a_path_or_an_abstract_name(string? address, bool expected) =>
        Assert.Equal(expected, NotifySocket.Parse(address) is not null);

    [Fact]
    public void A_path_that_is_too_long_is_none() => Assert.Null(NotifySocket.Parse("/" + new string('x', 200)));

    [Theory]
    [InlineData("20000000", null, 20_000)]
    [InlineData("20000000", "4711", 20_000)]
    [InlineData("20000000", "4712", null)]
    [InlineData("20000000", "", null)]
    [InlineData("0", null, null)]
    [InlineData("-5", null, null)]
    [InlineData("9223372036854775807", null, null)]
    [InlineData(null, "4711", null)]
    public void A_watchdog_is_for_this_process_or_for_all(string? microseconds, string? process, int? milliseconds) =>
        Assert.Equal(milliseconds, (int?)NotifySocket.Watchdog(Self, microseconds, process)?.TotalMilliseconds);

    [Fact]
    public void Inherited_end_points_are_equal_by_number_or_name_and_cannot_be_nothing()
    {
        Assert.Equal(new InheritedEndPoint(3), new InheritedEndPoint(3));
        Assert.NotEqual(new InheritedEndPoint(3), new InheritedEndPoint(4));
        Assert.Equal(new InheritedEndPoint("web"), new InheritedEndPoint("web"));
        Assert.NotEqual(new InheritedEndPoint("web"), new InheritedEndPoint("Web"));
        Assert.Equal("descriptor 3", $"{new InheritedEndPoint(3)}");
        Assert.Equal("socket 'web' of systemd", $"{new InheritedEndPoint("web")}");
        Assert.Throws<ArgumentOutOfRangeException>(() => new InheritedEndPoint(-1));
        Assert.Throws<ArgumentException>(() => new InheritedEndPoint(""));
        Assert.Throws<ArgumentException>(() => new InheritedEndPoint(new string('x', 256)));
    }
}
