using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Primary.Ports;

/// <summary>What <see cref="PortTable"/> keeps for workers that share it.</summary>
internal interface IPort : IDisposable
{
    /// <summary>The port's number between the primary and its workers.</summary>
    int Id { get; }

    /// <summary>As bound.</summary>
    EndPoint EndPoint { get; }

    /// <summary>Connections or datagrams.</summary>
    SocketType SocketType { get; }
}
