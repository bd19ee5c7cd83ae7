package io.sparsebalance.actors.message;

/**
 * A message that may cross from one JVM to another. A record that implements it has an id in the registry of the wire format and
 * is bound to its serializer; other messages cannot leave their JVM, since Java serialization is off.
 */
public interface WireMessage {}
