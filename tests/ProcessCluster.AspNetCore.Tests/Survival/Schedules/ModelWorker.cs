using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using ProcessCluster.AspNetCore.Draining;
using ProcessCluster.AspNetCore.Transport;
using ProcessCluster.Connections;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// A worker with the connection: the product's transport and reports, over a model of the socket and under a model of Kestrel. It ends between any two of its calls to the kernel or
/// to the memory that it shares with the primary.
/// </summary>
internal sealed class ModelWorker : IConnectionHolder
{
    /// <summary>The header and the entries of a few connections.</summary>
    private const int BoardBytes = HeaderBytes + (16 * EntryBytes), HeaderBytes = 4096, EntryBytes = 64;

    private static readonly ClusterOptions Plain = OptionsWith(replay: false), Replaying = OptionsWith(replay: true);
    private static readonly ConnectionDrain PlainDrain = DrainWith(Plain), ReplayingDrain = DrainWith(Replaying);

    private readonly Schedule _schedule;
    private readonly OrdinaryMemory _memory = new(BoardBytes);
    private readonly WorkerBoard _own;
    private readonly ConnectionDrain _drain;
    private ConnectionLifetime? _lifetime;
    private Task _kestrel = Task.CompletedTask;

    public ModelWorker(Schedule schedule, int id)
    {
        _schedule = schedule;
        Id = id;
        Options = schedule.Replays ? Replaying : Plain;
        _drain = schedule.Replays ? ReplayingDrain : PlainDrain;
        Steps = new Steps(schedule.Random);
        Board = new PrimaryBoard(_memory);
        _own = new WorkerBoard(_memory);
        Reports = new WorkerConnectionReporter(_own, static _ => { });
        Offers = new OfferTable(Board.Capacity);
        Start = schedule.Taken;
        SentBefore = schedule.Client.Received;
        Number = schedule.Primary.Offer(this);
        Socket = new ModelSocket(schedule, this);
        Steps.Schedule(Accept);
    }

    public int Id { get; }

    public ClusterOptions Options { get; }

    public bool IsAdmitted => true;

    public bool HasCrashed => true;

    public PrimaryBoard Board { get; }

    public OfferTable Offers { get; }

    public WorkerConnectionReporter Reports { get; }

    public Steps Steps { get; }

    public ModelSocket Socket { get; }

    /// <summary>Gets the connection's number on the board.</summary>
    public uint Number { get; }

    /// <summary>Gets or sets whether another worker had the connection before.</summary>
    public bool IsMoved { get; set; }

    /// <summary>Gets the number of bytes that workers before this one have taken from the kernel.</summary>
    public long Start { get; }

    /// <summary>Gets the number of bytes that workers before this one have sent.</summary>
    public long SentBefore { get; }

    /// <summary>Gets or sets whether it has ended, or has given the connection back: nothing that it does has an effect any more.</summary>
    public bool IsGone { get; set; }

    /// <summary>Gets whether it has to give the connection back as soon as it can.</summary>
    public bool IsToMove { get; private set; }

    /// <summary>Gets or sets whether its program has read the bodies of its requests before it answered them; else the next request is not told from what is left of one.</summary>
    public bool HasReadBody { get; set; } = true;

    /// <summary>Gets whether the first request was not noted yet, a body was left unread, or the transport looks for more in vain: then nothing is promised.</summary>
    public bool IsUnsure => _lifetime is not { IsHttp1: true } || !HasReadBody || Socket.IsLooking;

    /// <summary>Gets the exception that has ended its program; null when there is none.</summary>
    public Exception? Failure => _kestrel.Exception;

    /// <summary>Has it give the connection back: as a worker that leaves, or as one that has too many.</summary>
    public void RequestMove(bool ifIdle)
    {
        if (ifIdle)
            _lifetime?.RequestMoveIfIdle();
        else
            IsToMove |= _lifetime?.RequestMove() == true;
    }

    /// <summary>Reports a response in three writes, between which it may end.</summary>
    public void ReportResponse(long begin, long end, ClusterConnectionState then)
    {
        if (!_schedule.ComesToItsEnd())
        {
            Reports.ReportResponse(Number, begin, end, then);
            return;
        }
        // The order of an entry's fields: word, fingerprint, begin, end. Written are begin, end, word.
        var entry = _memory.Bytes.Slice(HeaderBytes + (Protocol.Board.IndexOf(Number) * EntryBytes), EntryBytes);
        var before = entry.ToArray();
        Reports.ReportResponse(Number, begin, end, then);
        var written = _schedule.Random.Next(4);
        if (written < 3)
            before.AsSpan(0, 8).CopyTo(entry);
        if (written < 2)
            before.AsSpan(24, 8).CopyTo(entry[24..]);
        if (written < 1)
            before.AsSpan(16, 8).CopyTo(entry[16..]);
        _schedule.Kill();
    }

    /// <summary>Forgets the connection, which the process cannot do any more.</summary>
    public void Bury()
    {
        if (_lifetime is not null)
            _drain.Remove(_lifetime);
    }

    private static ClusterOptions OptionsWith(bool replay)
    {
        var options = new ClusterOptions();
        options.ConnectionSurvival.Enabled = true;
        options.ConnectionSurvival.ReplayIdempotent = replay;
        return options;
    }

    private static ConnectionDrain DrainWith(ClusterOptions options) =>
        new(Microsoft.Extensions.Options.Options.Create(options), NullLoggerFactory.Instance);

    /// <summary>Takes the offer and serves the connection, as the listeners of the worker and of Kestrel do.</summary>
    private void Accept()
    {
        Reports.Opened(IsMoved);
        if (!_own.TryClaim(Number, ClusterConnectionState.Idle))
        {
            _schedule.Fail("The offer is not there");
            return;
        }
        if (_schedule.Dies())
            return;
        var connection = new ClusterTransportConnection(
            Socket, _drain, MemoryPool<byte>.Shared, Pipe(), Pipe(), new Steps.Clock(Steps), NullLogger.Instance);
        _lifetime = connection.Features.Get<ConnectionLifetime>()!;
        connection.Start();
        if (!IsGone)
            _kestrel = new ModelKestrel(_schedule, this, connection, _lifetime).RunAsync();
    }

    /// <summary>Returns the options of a pipe, now and then of one that is full at once.</summary>
    private PipeOptions Pipe()
    {
        var limit = _schedule.Random.Next(4) == 0 ? 16 : 0;
        return new PipeOptions(MemoryPool<byte>.Shared, Steps, Steps, limit, limit / 2, useSynchronizationContext: false);
    }
}
