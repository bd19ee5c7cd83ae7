package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalDouble;

/** How records become JSON: an empty optional is null, a path is its text, NaN is the text "NaN". */
public final class Json {
    private Json() {
    }

    /** A new mapper. */
    public static ObjectMapper mapper() {
        SimpleModule module = new SimpleModule();
        module.addSerializer(OptionalDouble.class, new JsonSerializer<>() {
            @Override
            public void serialize(OptionalDouble value, JsonGenerator out, SerializerProvider provider)
                    throws IOException {
                if (value.isPresent()) {
                    out.writeNumber(value.getAsDouble());
                } else {
                    out.writeNull();
                }
            }
        });
        module.addDeserializer(OptionalDouble.class, new JsonDeserializer<>() {
            @Override
            public OptionalDouble deserialize(JsonParser in, DeserializationContext context) throws IOException {
                // JSON has no NaN or infinity: they are written, and read, as text.
                return OptionalDouble.of(in.currentToken() == JsonToken.VALUE_STRING
                        ? Double.parseDouble(in.getText())
                        : in.getDoubleValue());
            }

            @Override
            public OptionalDouble getNullValue(DeserializationContext context) {
                return OptionalDouble.empty();
            }
        });
        module.addSerializer(Path.class, new JsonSerializer<>() {
            @Override
            public void serialize(Path value, JsonGenerator out, SerializerProvider provider) throws IOException {
                out.writeString(value.toString());
            }
        });
        module.addDeserializer(Path.class, new JsonDeserializer<>() {
            @Override
            public Path deserialize(JsonParser in, DeserializationContext context) throws IOException {
                return Path.of(in.getText());
            }
        });
        // A report written by a later version may say more than this one knows.
        return new ObjectMapper().registerModule(module).disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    }
}
