using System.Buffers;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.AspNetCore.Draining;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>An accepted connection as the transport uses it. The members are those of <see cref="ClusterConnection"/>.</summary>
internal interface ITransportSocket : ConnectionLifetime.ISocket, ConnectionStateReporter.IOut, UnconsumedRequest.ISource, IDisposable
{
    EndPoint? LocalEndPoint { get; }

    EndPoint? RemoteEndPoint { get; }

    Socket Socket { get; }

    /// <summary>Gets whether the connection can outlive this worker, so that its state must be reported.</summary>
    bool CanSurvive { get; }

    /// <summary>Gets whether the last wait ended by a wake-up alone.</summary>
    bool WasWoken { get; }

    ValueTask<bool> WaitToReceiveAsync();

    ValueTask<bool> WaitToSendAsync();

    bool TrySend(in ReadOnlySequence<byte> buffers, out int sent);

    bool TryMove();

    void Shutdown(bool receivingToo);

    void Abort();
}
