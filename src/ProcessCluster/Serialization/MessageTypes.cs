using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ProcessCluster.Serialization;

/// <summary>The declared messages of this process. Generated code fills it when an assembly is loaded.</summary>
public static class MessageTypes
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, Type> ByName = [];

    /// <summary>Makes a message known. For generated code. Doing it again changes nothing.</summary>
    /// <typeparam name="T">The declared type.</typeparam>
    /// <param name="name">Its name on the wire.</param>
    /// <param name="formatter">The formatter of the type.</param>
    /// <exception cref="InvalidOperationException">Another type has the name, or the type has another name.</exception>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Register<T>(string name, IMessageFormatter<T> formatter)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(formatter);
        lock (Gate)
        {
            if (Declared<T>.Name is { } earlier && earlier != name)
                throw new InvalidOperationException($"The message {typeof(T)} is called '{earlier}' and cannot be called '{name}', too.");
            if (!ByName.TryAdd(name, typeof(T)) && ByName[name] != typeof(T))
            {
                throw new InvalidOperationException(
                    $"Two messages are called '{name}': {Describe(ByName[name])} and {Describe(typeof(T))}. "
                    + "Give one of them another name: [ClusterMessage(Name = \"…\")].");
            }
            Declared<T>.Name ??= name;
            Volatile.Write(ref Declared<T>.Formatter, Declared<T>.Formatter ?? formatter);
        }
    }

    /// <summary>Gives what writes and reads the type, if it is a declared message.</summary>
    internal static bool TryGetFormatter<T>([NotNullWhen(true)] out IMessageFormatter<T>? formatter)
    {
        formatter = Volatile.Read(ref Declared<T>.Formatter);
        return formatter is not null || TryLoad(out formatter);
    }

    /// <summary>Gives what writes and reads the type.</summary>
    /// <exception cref="MessageNotDeclaredException">It is not a declared message.</exception>
    internal static IMessageFormatter<T> FormatterOf<T>() =>
        TryGetFormatter<T>(out var formatter) ? formatter : throw NotDeclared(typeof(T));

    /// <summary>The name on the wire: the declared one, or the full name of a type that is not declared.</summary>
    internal static string NameOf<T>() =>
        TryGetFormatter<T>(out _) ? Declared<T>.Name! : typeof(T).FullName ?? typeof(T).Name;

    /// <summary>Runs what generated code has put into the initializer of the type's module, which is not run before the module's code is.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryLoad<T>([NotNullWhen(true)] out IMessageFormatter<T>? formatter)
    {
        RuntimeHelpers.RunModuleConstructor(typeof(T).Module.ModuleHandle);
        formatter = Volatile.Read(ref Declared<T>.Formatter);
        return formatter is not null;
    }

    private static MessageNotDeclaredException NotDeclared(Type type) => new(
        $"{type} is not declared as a message: put [ClusterMessage] on it, or, if it is not your type, on a record that has it as a member. "
        + "(The attribute works through the source generator of the ProcessCluster package.)");

    private static string Describe(Type type) => $"{type} of {type.Assembly.GetName().Name}";

    /// <summary>One for each type, so that a lookup is a static field.</summary>
    private static class Declared<T>
    {
        public static string? Name;
        public static IMessageFormatter<T>? Formatter;
    }
}
