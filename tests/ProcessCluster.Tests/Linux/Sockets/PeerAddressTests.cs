using System.Net;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Tests.Linux.Sockets;

public sealed class PeerAddressTests
{
    [Theory]
    [InlineData("127.0.0.1:0")]
    [InlineData("10.1.2.3:65535")]
    [InlineData("0.0.0.0:80")]
    [InlineData("[::1]:8080")]
    [InlineData("[2001:db8::ff]:443")]
    [InlineData("[::ffff:10.1.2.3]:1")]
    [InlineData("[fe80::1%7]:3000")]
    public void A_socket_address_becomes_the_end_point_that_it_names(string text)
    {
        var endPoint = IPEndPoint.Parse(text);
        var native = endPoint.Serialize(); // .NET's own form of a sockaddr
        var address = new PeerAddress(native.Buffer.Span[..native.Size]);
        Assert.Equal(native.Size, address.Length);
        Assert.Equal(endPoint, address.ToEndPoint());
    }

    [Fact]
    public void A_peer_without_a_name_has_no_end_point()
    {
        Assert.Null(default(PeerAddress).ToEndPoint());
        Assert.Null(new PeerAddress([1, 0]).ToEndPoint()); // What accept gives for a Unix socket: the family alone.
        Assert.True(default(PeerAddress).Span.IsEmpty);
    }

    [Theory]
    [InlineData(Libc.AF_INET, 7)]
    [InlineData(Libc.AF_INET6, 27)]
    [InlineData(Libc.AF_UNIX, 28)]
    [InlineData(0, 16)]
    [InlineData(255, 28)]
    public void An_address_that_is_cut_off_or_of_another_family_has_no_end_point(int family, int length)
    {
        var bytes = new byte[length];
        bytes[0] = (byte)family;
        Assert.Null(new PeerAddress(bytes).ToEndPoint());
    }

    [Fact]
    public void More_bytes_than_an_address_can_have_are_none()
    {
        Assert.Equal(PeerAddress.MaxLength, new PeerAddress(new byte[PeerAddress.MaxLength]).Length);
        Assert.Equal(0, new PeerAddress(new byte[PeerAddress.MaxLength + 1]).Length);
    }
}
