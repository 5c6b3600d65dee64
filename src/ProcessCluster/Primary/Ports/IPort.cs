using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Primary.Ports;

/// <summary>A port that workers share, as <see cref="PortTable"/> keeps it.</summary>
internal interface IPort : IDisposable
{
    /// <summary>The port's number between the primary and its workers.</summary>
    int Id { get; }

    /// <summary>As bound.</summary>
    EndPoint EndPoint { get; }

    /// <summary>Gets whether something in it waits for a time, so that the table's clock is to run.</summary>
    bool WaitsForTime { get; }

    /// <summary>Gets whether it holds connections for a worker that is behind the others, so that they are to be served again soon.</summary>
    bool IsHolding { get; }

    /// <summary>Connections or datagrams.</summary>
    SocketType SocketType { get; }
}
