using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Protocol;

public sealed class ControlCodecTests
{
    private static readonly EndPoint[] EndPoints =
    [
        new IPEndPoint(IPAddress.Any, 0),
        new IPEndPoint(IPAddress.Loopback, 65_535),
        new IPEndPoint(IPAddress.IPv6Any, 8080),
        new IPEndPoint(IPAddress.Parse("fe80::1%7"), 443),
        new IPEndPoint(IPAddress.Parse("::ffff:10.1.2.3"), 1),
        new UnixDomainSocketEndPoint("/run/app.sock"),
        new UnixDomainSocketEndPoint("/tmp/größe"),
        new UnixDomainSocketEndPoint("/" + new string('x', 106)),
        new UnixDomainSocketEndPoint("@file"),
        new UnixDomainSocketEndPoint("\0abstract"),
    ];

    private static readonly ClusterListenOptions AllOptions = new()
    {
        Backlog = int.MaxValue,
        NoDelay = false,
        DualMode = false,
        KeepAlive = TimeSpan.FromSeconds(32_767),
        FastOpen = 256,
        Exclusive = true,
        UnixFileMode = UnixFileMode.UserRead | UnixFileMode.GroupWrite,
        UnixUser = 4_000_000_000,
        UnixGroup = 0,
    };

    private static readonly ControlMessage[] Messages =
    [
        new ControlMessage.Hello(ControlCodec.Protocol, 4711),
        new ControlMessage.Hello(int.MaxValue, int.MinValue),
        .. EndPoints.Select(endPoint => new ControlMessage.Listen(1, endPoint, new ClusterListenOptions())),
        new ControlMessage.Listen(-1, EndPoints[0], AllOptions),
        new ControlMessage.Listen(2, new InheritedEndPoint(3), new ClusterListenOptions()),
        new ControlMessage.Listen(3, new InheritedEndPoint("größe"), AllOptions),
        .. EndPoints.Select(endPoint => new ControlMessage.Bound(2, 3, endPoint)),
        new ControlMessage.NotBound(4, (int)SocketError.AddressAlreadyInUse, "Address already in use"),
        new ControlMessage.NotBound(5, -1, ""),
        new ControlMessage.Listening(6),
        new ControlMessage.CloseListener(7),
        new ControlMessage.Ready([]),
        new ControlMessage.Ready(["http://localhost:3000", "https://[::1]:3001"]),
        new ControlMessage.StartFailed("System.IO.IOException: größer als 😀"),
        new ControlMessage.Disconnect(MovesConnections: true),
        new ControlMessage.Leaving(),
        new ControlMessage.LeavingNoted(MovesConnections: false),
        new ControlMessage.Admitted(1023),
        new ControlMessage.Ping(int.MinValue),
        new ControlMessage.Pong(int.MaxValue, long.MaxValue, 17, TimeSpan.FromDays(1000), IsDebugged: true),
        .. EndPoints.Take(5).Select(endPoint => new ControlMessage.BindUdp(8, endPoint, DualMode: true, EnableBroadcast: false, 0, 65_536)),
        new ControlMessage.BindUdp(-1, EndPoints[0], DualMode: false, EnableBroadcast: true, int.MaxValue, -1),
        new ControlMessage.Unread(9),
        new ControlMessage.GiveBack(9, 128),
        new ControlMessage.AcquireLock(8, "größe"),
        new ControlMessage.AcquireLock(int.MaxValue, new string('\uffff', ClusterLock.MaxNameLength)),
        new ControlMessage.LockGranted(9),
        new ControlMessage.ReleaseLock(10),
    ];

    public static TheoryData<int, string> Samples()
    {
        var samples = new TheoryData<int, string>();
        for (var i = 0; i < Messages.Length; i++)
            samples.Add(i, Messages[i].ToString().Replace('\0', '@'));
        return samples;
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_message_is_read_as_it_was_written(int index, string _)
    {
        var message = Messages[index];
        Assert.Equal(Comparable(message), Comparable(ControlCodec.Decode(Body(message))));
    }

    [Fact]
    public void Every_kind_of_message_is_among_the_samples()
    {
        var kinds = typeof(ControlMessage).GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic);
        Assert.NotEmpty(kinds);
        Assert.Equal(kinds.Select(kind => kind.Name).Order(), Messages.Select(message => message.GetType().Name).Distinct().Order());
    }

    [Fact]
    public void Each_kind_has_a_number_of_its_own() =>
        Assert.Equal(
            Messages.Select(message => message.GetType()).Distinct().Count(),
            Messages.Select(message => Body(message)[0]).Distinct().Count());

    [Fact]
    public void A_message_without_an_encoding_is_refused() =>
        Assert.Throws<ArgumentException>(() => ControlCodec.Encode(new Unknown(), new byte[ControlCodec.MaxFrame]));

    [Fact]
    public void An_end_point_that_cannot_be_shared_is_refused()
    {
        var message = new ControlMessage.Listen(1, new DnsEndPoint("localhost", 80), new ClusterListenOptions());
        var refused = Assert.Throws<NotSupportedException>(() => ControlCodec.Encode(message, new byte[ControlCodec.MaxFrame]));
        Assert.Contains("DnsEndPoint", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_addresses_those_that_fit_are_sent_whole()
    {
        var addresses = Enumerable.Range(1, 1000).Select(i => $"http://127.0.0.1:{i}").ToList();
        var read = Assert.IsType<ControlMessage.Ready>(ControlCodec.Decode(Body(new ControlMessage.Ready(addresses))));
        Assert.InRange(read.Addresses.Count, 100, 999);
        Assert.Equal(addresses.Take(read.Addresses.Count), read.Addresses);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("ß")]
    [InlineData("€")]
    [InlineData("😀")]
    public void A_long_text_is_cut_between_two_characters(string character)
    {
        for (var shift = 0; shift < 4; shift++)
        {
            var text = new string('-', shift) + string.Concat(Enumerable.Repeat(character, 5_000));
            foreach (var message in (ControlMessage[])
                [new ControlMessage.StartFailed(text), new ControlMessage.NotBound(1, 2, text)])
            {
                var read = ControlCodec.Decode(Body(message)) switch
                {
                    ControlMessage.StartFailed failed => failed.Reason,
                    ControlMessage.NotBound refused => refused.Reason,
                    var other => throw new InvalidOperationException(other.ToString()),
                };
                Assert.StartsWith(read, text, StringComparison.Ordinal);
                Assert.Equal(0, (read.Length - shift) % character.Length);
                Assert.InRange(Encoding.UTF8.GetByteCount(read), 2_990, 3_000);
            }
        }
    }

    [Fact]
    public void A_text_that_is_no_text_is_sent_all_the_same()
    {
        var message = new ControlMessage.StartFailed("half \ud83d of it\ud83d");
        var failed = Assert.IsType<ControlMessage.StartFailed>(ControlCodec.Decode(Body(message)));
        Assert.Equal("half \ufffd of it\ufffd", failed.Reason);
    }

    [Fact]
    public void Many_addresses_fit_in_a_frame()
    {
        var addresses = Enumerable.Range(1, 1_000).Select(port => $"http://localhost:{port}").ToList();
        var ready = Assert.IsType<ControlMessage.Ready>(ControlCodec.Decode(Body(new ControlMessage.Ready(addresses))));
        Assert.Equal(addresses.Take(100), ready.Addresses.Take(100));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_frame_that_ends_early_is_refused(int index, string _)
    {
        var body = Body(Messages[index]);
        for (var length = 0; length < body.Length; length++)
            Assert.Throws<InvalidDataException>(() => ControlCodec.Decode(body.AsSpan(0, length)));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_frame_with_more_bytes_than_its_message_is_refused(int index, string _)
    {
        var error = Assert.Throws<InvalidDataException>(() => ControlCodec.Decode([.. Body(Messages[index]), 0]));
        Assert.Contains("1 bytes too many", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_kind_is_refused_by_its_number()
    {
        var known = Messages.Select(message => Body(message)[0]).ToHashSet();
        for (var kind = 0; kind <= byte.MaxValue; kind++)
        {
            if (known.Contains((byte)kind))
                continue;
            var body = new byte[16];
            body[0] = (byte)kind;
            var error = Assert.Throws<InvalidDataException>(() => ControlCodec.Decode(body));
            Assert.Contains($"unknown kind {kind}.", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(AddressFamily.InterNetwork, "localhost", 80)]
    [InlineData(AddressFamily.InterNetwork, "", 80)]
    [InlineData(AddressFamily.InterNetwork, "127.0.0.1", -1)]
    [InlineData(AddressFamily.InterNetwork, "127.0.0.1", 65_536)]
    [InlineData(AddressFamily.InterNetworkV6, "::1", 80)]
    [InlineData(AddressFamily.Unspecified, "127.0.0.1", 80)]
    [InlineData(AddressFamily.Unix, "", null)]
    public void An_end_point_that_is_none_is_refused(AddressFamily family, string text, int? port) =>
        Assert.Throws<InvalidDataException>(() => ControlCodec.Decode(Bound(family, text, port)));

    [Theory]
    [InlineData(108)]
    [InlineData(200)]
    [InlineData(3_000)]
    public void A_Unix_path_that_is_too_long_is_refused(int length) =>
        Assert.Throws<InvalidDataException>(() => ControlCodec.Decode(Bound(AddressFamily.Unix, new string('x', length), null)));

    [Fact]
    public void Mutated_frames_are_read_or_refused_and_nothing_else()
    {
        const int Seed = 4711, Mutations = 100_000;
        var random = new Random(Seed);
        var bodies = Messages.Select(Body).ToArray();
        int read = 0, refused = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var mutant = Mutate(bodies[random.Next(bodies.Length)], random);
            try
            {
                ControlCodec.Decode(mutant);
                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"Mutation {i} of seed {Seed} ({Convert.ToHexString(mutant)}): {exception}");
            }
        }
        Assert.Equal(Mutations, read + refused);
        Assert.All([read, refused], count => Assert.True(count > Mutations / 20, $"{read} were read, {refused} refused."));
    }

    private static byte[] Mutate(byte[] body, Random random)
    {
        var bytes = body.ToList();
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(5))
            {
                case 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 1:
                    bytes.InsertRange(at, Enumerable.Range(0, random.Next(1, 300)).Select(_ => (byte)random.Next(256)));
                    break;
                case 2 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    if (at < bytes.Count)
                        bytes[at] = (byte)random.Next(256);
                    break;
            }
        }
        return [.. bytes];
    }

    private static byte[] Body(ControlMessage message)
    {
        var frame = new byte[ControlCodec.MaxFrame];
        var length = ControlCodec.Encode(message, frame);
        Assert.Equal(length - ControlCodec.LengthSize, BinaryPrimitives.ReadInt32LittleEndian(frame));
        return frame[ControlCodec.LengthSize..length];
    }

    /// <summary>A body written by hand: Bound, request 1, port 2, the end point.</summary>
    private static byte[] Bound(AddressFamily family, string text, int? port)
    {
        var path = Encoding.UTF8.GetBytes(text);
        byte[] body = [3, 1, 0, 0, 0, 2, 0, 0, 0, (byte)family, .. BitConverter.GetBytes((ushort)path.Length), .. path];
        return port is { } number ? [.. body, .. BitConverter.GetBytes(number)] : body;
    }

    /// <summary>Records compare lists by reference, and a name of a socket hides what kind it is.</summary>
    private static string Comparable(ControlMessage message) => message switch
    {
        ControlMessage.Ready ready => $"Ready {string.Join(' ', ready.Addresses)}",
        ControlMessage.Listen { EndPoint: InheritedEndPoint } listen => $"{listen} {Values(listen.Options)}",
        ControlMessage.Listen listen => $"{listen} {listen.EndPoint.Serialize()} {Values(listen.Options)}",
        ControlMessage.Bound bound => $"{bound} {bound.EndPoint.Serialize()}",
        ControlMessage.BindUdp bind => $"{bind} {bind.EndPoint.Serialize()}",
        _ => message.ToString(),
    };

    private static string Values(ClusterListenOptions options) => string.Join(
        ' ', typeof(ClusterListenOptions).GetProperties().Select(property => $"{property.Name}={property.GetValue(options)}"));

    private sealed record Unknown : ControlMessage;
}
