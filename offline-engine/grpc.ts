const maxMessageBytes = 1024 * 1024 * 400;

/** Limits as the SDK sets them (runtime/settings.ts). */
export const channelOptions = {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
};
