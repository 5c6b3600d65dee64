using System.Net;
using ProcessCluster.Connections;

namespace ProcessCluster.Worker;

/// <summary>A listener in a worker, of an end point that the primary keeps.</summary>
internal abstract class PortListener(WorkerSession session, int port, EndPoint endPoint) : ClusterListener(endPoint)
{
    /// <summary>The primary's number for the end point.</summary>
    public int Port => port;

    /// <summary>Gets or sets the program's wish for another connection (<see cref="ClusterListenOptions.CanAccept"/>).</summary>
    public Func<bool>? CanAccept { get; set; }

    protected WorkerSession Session => session;

    internal override WorkerConnectionReporter Connections => session.Connections;

    /// <summary>The program has it soon. With the options of the program's, and whether the worker may have connections already.</summary>
    public virtual void Begin(ClusterListenOptions options, bool isAdmitted) => CanAccept = options.CanAccept;

    /// <summary>The worker may have connections from now on.</summary>
    public virtual void Admitted()
    {
        // Where the primary deals them out it just begins to.
    }

    /// <summary>The primary wants so many idle connections back. The program's own code is not for the thread that reads what the primary says.</summary>
    public void RequestBack(int count)
    {
        if (GiveBack is { } giveBack)
            ThreadPool.UnsafeQueueUserWorkItem(static request => request.GiveBack(request.Count), (GiveBack: giveBack, Count: count), preferLocal: false);
    }

    /// <summary>Another worker was woken for a connection and has not accepted it.</summary>
    public virtual void Recheck()
    {
        // Where the primary deals them out nobody is woken.
    }

    /// <summary>Takes no more: the program wants none.</summary>
    public abstract void Complete();

    /// <summary>Takes no more than what nobody else can take: the worker leaves.</summary>
    public virtual void Leave() => Complete();

    public override ValueTask DisposeAsync()
    {
        session.Close(this);
        return ValueTask.CompletedTask;
    }
}
