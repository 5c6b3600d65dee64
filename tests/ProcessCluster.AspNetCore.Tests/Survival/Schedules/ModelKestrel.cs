using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ProcessCluster.AspNetCore.Draining;
using ProcessCluster.AspNetCore.Transport;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Kestrel with a program: reads requests from the transport's pipe, as parts of them come, does what the middleware does, and writes answers in parts.</summary>
internal sealed class ModelKestrel(Schedule schedule, ModelWorker worker, ClusterTransportConnection connection, ConnectionLifetime lifetime)
{
    private static readonly Endpoint Plain = new(null, EndpointMetadataCollection.Empty, "plain");
    private static readonly Endpoint Idempotent = new(null, new EndpointMetadataCollection(new IdempotentAttribute()), "idempotent");

    private readonly PipeReader _input = connection.Transport.Input;
    private readonly PipeWriter _output = connection.Transport.Output;
    private readonly Random _random = schedule.Random;
    private long _position = worker.Start;
    private ReadOnlySequence<byte> _last;

    /// <summary>Serves one request after another, until the connection ends for it.</summary>
    public async Task RunAsync()
    {
        while (await ReadRequestAsync() is { } request)
        {
            await ServeAsync(request);
            if (request.Closes)
                break;
        }
        await worker.Steps.Next();
        await _output.CompleteAsync();
        await _input.CompleteAsync();
        await connection.DisposeAsync();
    }

    /// <summary>Reads the lines of a head one by one, some of them when the others have not come. Returns null at the end of the stream.</summary>
    private async Task<ModelRequest?> ReadRequestAsync()
    {
        var begin = _position;
        var head = "";
        while (true)
        {
            var read = await ReadAsync();
            if (read is null && head.Length > 0)
                schedule.Fail("The stream ends in the middle of a head");
            if (read is null)
                return null;
            var text = head + read;
            if (text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var end)
            {
                Advance(end + 4 - head.Length, isEnough: true);
                return Find(text[..(end + 4)], begin);
            }
            var lines = _random.Next(4) == 0 ? read.LastIndexOf('\n') + 1 : 0;
            Advance(lines, isEnough: false);
            head += read[..lines];
            await worker.Steps.Next();
        }
    }

    private ModelRequest? Find(string head, long begin)
    {
        var id = int.Parse(head.Split(' ')[1][1..], CultureInfo.InvariantCulture);
        var request = schedule.Client.Requests[id - 1];
        if (request.Head == head && request.Start == begin)
            return request;
        schedule.Fail($"A worker reads another request at {begin}: '{head}'");
        return null;
    }

    private async Task ServeAsync(ModelRequest request)
    {
        await worker.Steps.Next();
        var context = new ModelRequestFeatures(request);
        worker.HasReadBody = request.Body.Length == 0;
        lifetime.RequestBegins(context.Http);
        await worker.Steps.Next();
        schedule.Executes(request);
        context.Http.Features.GetRequiredFeature<IEndpointFeature>().Endpoint = request.IsIdempotent ? Idempotent : Plain;
        await worker.Steps.Next();
        if (request.Expects)
            await WriteAsync("HTTP/1.1 100 Continue\r\n\r\n", mayWait: false);
        var readsFirst = request.Expects || _random.Next(4) != 0;
        if (readsFirst)
        {
            await ReadBodyAsync(request, context);
            worker.HasReadBody = true;
        }
        await RespondAsync(request);
        lifetime.RequestEnds();
        await worker.Steps.Next();
        if (!readsFirst)
            await ReadBodyAsync(request, context); // Kestrel does.
    }

    private async Task ReadBodyAsync(ModelRequest request, ModelRequestFeatures context)
    {
        while (_position < request.End)
        {
            var read = await ReadAsync();
            if (read is null)
            {
                schedule.Fail("The stream ends in the middle of a body");
                return;
            }
            var count = (int)Math.Min(read.Length, request.End - _position);
            if (read[..count].Any(character => character != 'b'))
                schedule.Fail($"A body has other bytes: '{read}'");
            Advance(count, isEnough: _position + count == request.End);
            await worker.Steps.Next();
        }
        context.IsEndOfBodySeen = true;
    }

    private async Task RespondAsync(ModelRequest request)
    {
        string[] bodies = ["", "x", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n5\r\n"];
        var body = bodies[_random.Next(bodies.Length)];
        var close = request.Closes ? "Connection: close\r\n" : "";
        string whole;
        if (request.IsHead)
            whole = $"HTTP/1.1 200 OK\r\nId: {request.Id}\r\nContent-Length: 100\r\n{close}\r\n";
        else if (_random.Next(5) == 0)
            whole = $"HTTP/1.1 204 No Content\r\nId: {request.Id}\r\n{close}\r\n";
        else if (_random.Next(2) == 0)
            whole = $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nId: {request.Id}\r\n{close}\r\n{body}";
        else
            whole = $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nId: {request.Id}\r\n{close}\r\n{(body.Length == 0 ? "" : $"{body.Length:x}\r\n{body}\r\n")}0\r\n\r\n";
        for (var at = 0; at < whole.Length;)
        {
            var count = _random.Next(3) == 0 ? _random.Next(1, whole.Length - at + 1) : whole.Length - at;
            await WriteAsync(whole.Substring(at, count), mayWait: true);
            at += count;
        }
        await _output.FlushAsync();
        await worker.Steps.Next();
    }

    /// <summary>Writes into the pipe, and flushes it at once or perhaps later.</summary>
    private async Task WriteAsync(string text, bool mayWait)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        if (_random.Next(4) == 0)
        {
            await _output.WriteAsync(bytes);
            await worker.Steps.Next();
            return;
        }
        bytes.CopyTo(_output.GetSpan(bytes.Length));
        _output.Advance(bytes.Length);
        await worker.Steps.Next();
        if (mayWait && _random.Next(2) == 0)
            return;
        await _output.FlushAsync();
        await worker.Steps.Next();
    }

    /// <summary>Waits for bytes and returns them; null at the end of the stream. <see cref="Advance"/> follows.</summary>
    private async Task<string?> ReadAsync()
    {
        var result = await _input.ReadAsync();
        await worker.Steps.Next();
        _last = result.Buffer;
        if (!result.Buffer.IsEmpty || !result.IsCompleted)
            return Encoding.ASCII.GetString(result.Buffer);
        _input.AdvanceTo(result.Buffer.End);
        return null;
    }

    private void Advance(int count, bool isEnough)
    {
        var consumed = _last.GetPosition(count);
        _input.AdvanceTo(consumed, isEnough ? consumed : _last.End);
        _position += count;
    }
}
