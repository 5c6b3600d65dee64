using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>The cluster's connection as the transport uses it.</summary>
internal sealed class TransportSocket(ClusterConnection connection) : ITransportSocket
{
    public EndPoint? LocalEndPoint => connection.LocalEndPoint;

    public EndPoint? RemoteEndPoint => connection.RemoteEndPoint;

    public Socket Socket => connection.Socket;

    public int Available => connection.Socket.Available;

    public bool CanMove => connection.CanMove;

    public bool CanSurvive => connection.CanSurvive;

    public bool WasWoken => connection.WasWoken;

    public bool HasReceivedEnd => connection.HasReceivedEnd;

    public bool IsOf(ClusterListener listener) => connection.Listener == listener;

    public void TrackRequests() => connection.TrackRequests();

    public void Report(ClusterConnectionState state) => connection.Report(state);

    public void ReportResponse(long begin, long end, ClusterConnectionState then) => connection.ReportResponse(begin, end, then);

    public void ReportRequest(long fingerprint, ReadOnlySpan<byte> name) => connection.ReportRequest(fingerprint, name);

    public bool IsQuarantined(long fingerprint, out TimeSpan remaining) => connection.IsQuarantined(fingerprint, out remaining);

    public void Wake() => connection.Wake();

    public ValueTask<bool> WaitToReceiveAsync() => connection.WaitToReceiveAsync();

    public bool TryReceive(Span<byte> buffer, out int received) => connection.TryReceive(buffer, out received);

    public bool TryPeek(Span<byte> buffer, out int peeked) => connection.TryPeek(buffer, out peeked);

    public void Discard(int count) => connection.Discard(count);

    public ValueTask<bool> WaitToSendAsync() => connection.WaitToSendAsync();

    public bool TrySend(in ReadOnlySequence<byte> buffers, out int sent) => connection.TrySend(buffers, out sent);

    public bool TryMove() => connection.TryMove();

    public void Shutdown(bool receivingToo) => connection.Shutdown(receivingToo);

    public void Abort() => connection.Abort();

    public void Dispose() => connection.Dispose();
}
