using ProcessCluster.Primary.Dispatch;

namespace ProcessCluster.Primary.Handoff;

/// <summary>The ports whose connections are offered to one worker. Belongs to the cluster's loop.</summary>
/// <param name="channel">The way to the worker.</param>
internal sealed class WorkerPorts(IOfferSink channel)
{
    private readonly List<Candidate> _candidates = [];

    /// <summary>Has the worker's connections of this port offered from now on.</summary>
    public void Add(IOfferOwner port)
    {
        var candidate = new Candidate(channel, port);
        _candidates.Add(candidate);
        port.Add(candidate);
    }

    /// <summary>Ends the offers of this port.</summary>
    public void Remove(IOfferOwner port)
    {
        if (_candidates.Find(candidate => candidate.Port == port) is { } candidate)
            Remove(candidate);
    }

    /// <summary>Ends the offers to this place. One that has ended already is no error: another may be there at the same port.</summary>
    public void Remove(Candidate candidate)
    {
        candidate.Port.Remove(candidate);
        _candidates.Remove(candidate);
    }

    public void RemoveAll()
    {
        foreach (var candidate in _candidates)
            candidate.Port.Remove(candidate);
        _candidates.Clear();
    }

    /// <summary>Tells every port that the worker has room again.</summary>
    public void TellRoom()
    {
        foreach (var candidate in _candidates)
            candidate.Port.RoomAvailable();
    }
}
