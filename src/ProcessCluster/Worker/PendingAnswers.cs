using System.Collections.Concurrent;
using ProcessCluster.Protocol;

namespace ProcessCluster.Worker;

/// <summary>
/// The questions to the primary that wait for an answer, by number. An answer that comes when nobody waits any more is discarded.
/// </summary>
/// <param name="send">Sends to the primary; false when it is gone.</param>
/// <param name="discard">Frees an answer that nobody takes.</param>
internal sealed class PendingAnswers<T>(Func<ControlMessage, bool> send, Action<T> discard)
    where T : class
{
    private readonly ConcurrentDictionary<int, TaskCompletionSource<T>> _requests = new();

    /// <param name="number">The question's number.</param>
    /// <param name="question">The question.</param>
    /// <param name="isGone">Returns the exception when there is nobody to ask.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ClusterException">The primary is gone.</exception>
    /// <exception cref="TimeoutException">It did not answer in time.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<T> AskAsync(int number, ControlMessage question, string isGone, CancellationToken cancellationToken)
    {
        var request = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _requests[number] = request;
        try
        {
            if (!send(question))
                throw new ClusterException(isGone);
            return await request.Task.WaitAsync(WorkerSession.AnswerTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or TimeoutException)
        {
            // It may have come at this very moment.
            if (!request.TrySetCanceled(CancellationToken.None) && request.Task.IsCompletedSuccessfully)
                discard(await request.Task.ConfigureAwait(false));
            throw;
        }
        finally
        {
            _requests.TryRemove(number, out _);
        }
    }

    /// <summary>Returns whether this is one of these and is waited for.</summary>
    public bool Has(int number) => _requests.ContainsKey(number);

    public void Answer(int number, T answer)
    {
        if (!_requests.TryGetValue(number, out var request) || !request.TrySetResult(answer))
            discard(answer);
    }

    /// <summary>There will be no answer to this one; false when it is not one of these.</summary>
    public bool Fail(int number, Exception exception)
    {
        if (!_requests.TryGetValue(number, out var request))
            return false;
        request.TrySetException(exception);
        return true;
    }

    public void FailAll(Exception exception)
    {
        foreach (var request in _requests.Values)
            request.TrySetException(exception);
    }
}
