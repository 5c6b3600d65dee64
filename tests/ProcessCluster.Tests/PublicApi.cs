using System.Globalization;
using System.Reflection;
using System.Text;

namespace ProcessCluster.Tests;

/// <summary>What an assembly shows to others, one line for each type and each member.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static List<string> Of(Assembly assembly) =>
        [.. assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).SelectMany(Of)];

    private static IEnumerable<string> Of(Type type) =>
        type.GetMembers(Declared)
            .Select(Line)
            .OfType<string>()
            .Order(StringComparer.Ordinal)
            .Select(line => $"{type.FullName}.{line}")
            .Prepend($"{type.FullName}: {Kind(type)}{Bases(type)}");

    private static string Kind(Type type) => type switch
    {
        { IsEnum: true } => $"enum of {Name(Enum.GetUnderlyingType(type))}",
        { IsInterface: true } => "interface",
        { IsValueType: true } => "struct",
        { IsAbstract: true, IsSealed: true } => "static class",
        { IsAbstract: true } => "abstract class",
        { IsSealed: true } => "sealed class",
        _ => "class",
    };

    private static string Bases(Type type)
    {
        if (type.IsEnum)
            return "";
        var inherited = type.BaseType?.GetInterfaces() ?? [];
        var bases = type.GetInterfaces().Except(inherited).Select(face => Name(face)).Order(StringComparer.Ordinal).ToList();
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType))
            bases.Insert(0, Name(parent));
        return bases.Count == 0 ? "" : $", {string.Join(", ", bases)}";
    }

    private static string? Line(MemberInfo member) => member switch
    {
        _ when member.Name.Contains('<', StringComparison.Ordinal) => null,
        ConstructorInfo constructor when IsVisible(constructor) =>
            $"new({Parameters(constructor)}){(constructor.IsPublic ? "" : ": protected")}",
        MethodInfo { IsSpecialName: false } method when IsVisible(method) =>
            $"{method.Name}{TypeParameters(method)}({Parameters(method)}): {Scope(method)}"
            + Name(method.ReturnType, Nullability.Create(method.ReturnParameter)),
        MethodInfo { IsSpecialName: true } method when IsVisible(method) && method.Name.StartsWith("op_", StringComparison.Ordinal) =>
            $"{method.Name}({Parameters(method)}): {Name(method.ReturnType)}",
        PropertyInfo property when property.GetAccessors(nonPublic: true).FirstOrDefault(IsVisible) is { } accessor =>
            $"{property.Name}: {Scope(accessor)}{Name(property.PropertyType, Nullability.Create(property))} {{ {Accessors(property)}}}",
        EventInfo @event when IsVisible(@event.AddMethod!) =>
            $"{@event.Name}: {Scope(@event.AddMethod!)}event {Name(@event.EventHandlerType!, Nullability.Create(@event))}",
        FieldInfo { IsSpecialName: false } field when field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly => field.IsLiteral
            ? $"{field.Name}: const {Name(field.FieldType)} = {Value(field.GetRawConstantValue())}"
            : $"{field.Name}: {(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}"
                + Name(field.FieldType, Nullability.Create(field)),
        _ => null,
    };

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Scope(MethodBase method)
    {
        var scope = new StringBuilder();
        if (!method.IsPublic)
            scope.Append("protected ");
        if (method.IsStatic)
            scope.Append("static ");
        if (method.DeclaringType!.IsInterface)
            return scope.ToString();
        if (method is MethodInfo info && info.GetBaseDefinition() != info)
            scope.Append(method.IsFinal ? "sealed override " : "override ");
        else if (method.IsAbstract)
            scope.Append("abstract ");
        else if (method is { IsVirtual: true, IsFinal: false })
            scope.Append("virtual ");
        return scope.ToString();
    }

    private static string Accessors(PropertyInfo property)
    {
        var accessors = "";
        if (property.GetMethod is { } getter && IsVisible(getter))
            accessors += "get; ";
        if (property.SetMethod is not { } setter || !IsVisible(setter))
            return accessors;
        var isInit = Array.Exists(setter.ReturnParameter.GetRequiredCustomModifiers(), type => type.Name == "IsExternalInit");
        return accessors + (isInit ? "init; " : "set; ");
    }

    private static string TypeParameters(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(type => type.Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{Passing(parameter)}{Name(parameter.ParameterType, Nullability.Create(parameter))} {parameter.Name}"
        + (parameter.HasDefaultValue ? $" = {Value(parameter.RawDefaultValue)}" : "")));

    private static string Passing(ParameterInfo parameter) => parameter switch
    {
        { ParameterType.IsByRef: true, IsOut: true } => "out ",
        { ParameterType.IsByRef: true, IsIn: true } => "in ",
        { ParameterType.IsByRef: true } => "ref ",
        _ when parameter.IsDefined(typeof(ParamArrayAttribute)) => "params ",
        _ => "",
    };

    private static string Value(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Name(Type type, NullabilityInfo? nullability = null)
    {
        if (type.IsByRef)
            return Name(type.GetElementType()!, nullability);
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return $"{Name(underlying)}?";
        var mark = !type.IsValueType && nullability?.ReadState == NullabilityState.Nullable ? "?" : "";
        if (type.IsArray)
            return $"{Name(type.GetElementType()!, nullability?.ElementType)}[]{mark}";
        if (!type.IsGenericType)
            return (type == typeof(void) ? "void" : type.Name) + mark;
        var arguments = type.GetGenericArguments()
            .Select((argument, i) => Name(argument, nullability?.GenericTypeArguments.ElementAtOrDefault(i)));
        return $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", arguments)}>{mark}";
    }
}
