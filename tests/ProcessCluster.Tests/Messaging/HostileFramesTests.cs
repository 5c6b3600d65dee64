using System.Text;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Messaging;

/// <summary>Frames that no peer should send: each is refused with a named reason or does nothing, and what comes after is handled.</summary>
public sealed class HostileFramesTests
{
    private const int Rounds = 100_000;

    private static readonly FrameKind[] Kinds = Enum.GetValues<FrameKind>();

    [Fact]
    public async Task A_hundred_thousand_mutated_frames_let_nothing_out_but_their_refusal()
    {
        using var pair = new Pair();
        var channel = pair.Worker.Channel;
        using var a = pair.Worker.Handlers.OnMessage<Other>(static (_, _) => { });
        using var b = pair.Worker.Handlers.OnRequest<Ask, Answer>(static (ask, _) => new Answer(ask.Number));
        var random = new Random(20_26);
        var refused = 0;
        for (var i = 0; i < Rounds; i++)
        {
            var frame = Mutated(random);
            try
            {
                Receive(channel, frame);
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, Rounds / 100, Rounds - (Rounds / 100));

        // The primary has sent none of these, and has cut the link for the room that it got back: what comes after is handled all the same.
        var handled = new TaskCompletionSource<Greeting>();
        using var c = pair.Worker.Handlers.OnMessage<Greeting>((greeting, _) => handled.SetResult(greeting));
        Receive(channel, Frame(FrameKind.Message, typeof(Greeting).FullName!, "{\"Text\":\"still here\",\"Count\":1}"u8));
        Assert.Equal(new Greeting("still here", 1), await handled.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Random_bytes_end_a_link_with_a_fault_or_wait_for_more()
    {
        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            using var pair = new Pair();
            var bytes = new byte[random.Next(1, 3000)];
            random.NextBytes(bytes);
            bytes[0] |= 1;
            bytes[3] |= 0x40; // A length that cannot be.
            pair.WriteToWorker(bytes);
            if (bytes.Length > sizeof(int))
                Assert.Contains("bytes", await pair.Worker.Closed, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_peer_that_sends_more_than_it_has_room_for_is_cut_off()
    {
        using var pair = new Pair(configure: options => options.MaxMessageBytes = 100_000);
        var never = new TaskCompletionSource();
        using var handler = pair.Worker.Handlers.OnMessage<Other>(async (_, _) => await never.Task);
        var frame = Frame(FrameKind.Message, "ProcessCluster.Tests.Messaging.Other", Encoding.UTF8.GetBytes("{\"Value\":1}" + new string(' ', 50_000)));
        await Task.Run(() =>
        {
            // 40 frames are more than the limit; a link that is closed takes fewer.
            for (var i = 0; i < 40 && !pair.Worker.HasClosed && pair.TryWriteAllToWorker(frame); i++)
            {
            }
        });
        Assert.Contains("were not handled", await pair.Worker.Closed, StringComparison.Ordinal);
        never.SetResult();
    }

    private static void Receive(MessageChannel channel, byte[] frame)
    {
        // As the link does: a frame is whole, and its kind is not that of a control message.
        BitConverter.TryWriteBytes(frame, frame.Length - sizeof(int));
        if (frame[4] < (byte)FrameKind.Message)
            frame[4] |= (byte)FrameKind.Message;
        var header = FrameHeader.Read(frame);
        var none = default(FrameBytes);
        channel.Receive(header, frame, ref none)?.Execute();
    }

    private static byte[] Mutated(Random random)
    {
        var name = random.Next(4) switch
        {
            0 => "ProcessCluster.Tests.Messaging.Other",
            1 => "ProcessCluster.Tests.Messaging.Ask",
            2 => "",
            _ => "Unknown" + random.Next(50),
        };
        var kind = Kinds[random.Next(Kinds.Length)];
        var body = kind == FrameKind.Failure ? new FailureText("T", "message", "stack").Encode() : Encoding.UTF8.GetBytes("{\"Value\":1,\"Number\":2}");
        var frame = Frame(kind, name, body);
        for (var n = random.Next(4); n > 0; n--)
            frame[random.Next(4, frame.Length)] = (byte)random.Next(256);
        return random.Next(8) == 0 ? frame[..random.Next(FrameHeader.Size, frame.Length + 1)] : frame;
    }

    private static byte[] Frame(FrameKind kind, string name, ReadOnlySpan<byte> body)
    {
        var header = new FrameHeader(body.Length, kind, (byte)name.Length, FrameCode.None, 1, 0, 77);
        var frame = new byte[header.Length];
        header.Write(frame);
        Encoding.UTF8.GetBytes(name, frame.AsSpan(FrameHeader.Size));
        body.CopyTo(frame.AsSpan(header.BodyStart));
        return frame;
    }
}
