using System.Diagnostics.CodeAnalysis;
using ProcessCluster.Primary.Handoff;

namespace ProcessCluster.Primary.Ports;

/// <summary>A worker with the ports that it uses, each with the key that it asked for.</summary>
internal sealed class PortUser(HandoffChannel channel)
{
    private readonly Dictionary<IPort, PortKey> _uses = [];
    private readonly HashSet<PortKey> _keys = [];

    public HandoffChannel Channel => channel;

    /// <summary>The ports whose listener is in place in the worker.</summary>
    public List<HandoffPort> Listens { get; } = [];

    /// <summary>Gets the ports that are its alone, and end with it.</summary>
    public List<HandoffPort> Own { get; } = [];

    /// <summary>Gets or sets whether it gets connections.</summary>
    public bool IsAdmitted { get; set; }

    /// <summary>Gets or sets whether it never gets any again.</summary>
    public bool IsDone { get; set; }

    /// <summary>When it gave a connection back last, or was told to leave (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long GaveAt { get; set; }

    /// <summary>Gets the number of ports that it uses.</summary>
    public int Count => _uses.Count;

    /// <summary>Gets or sets the number of further ports that it was refused.</summary>
    public int Refused { get; set; }

    public bool Uses(IPort port) => _uses.ContainsKey(port);

    /// <summary>Returns whether it uses the port with this key.</summary>
    public bool Has(PortKey key) => _keys.Contains(key);

    public void Use(IPort port, PortKey key)
    {
        _uses.Add(port, key);
        _keys.Add(key);
    }

    public bool TryEndUse(IPort port, [MaybeNullWhen(false)] out PortKey key) => _uses.Remove(port, out key) && _keys.Remove(key);
}
